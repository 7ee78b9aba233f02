"""Which working files are the only place of a content."""

import os
from pathlib import Path

from vfs.objects import fingerprint
from vfs.state.homes import Home, holds, homes_of
from vfs.types import Algorithm, Digest

ONE = Digest(Algorithm.MD5, b"1" * 16)
OTHER = Digest(Algorithm.MD5, b"2" * 16)


def made(top: Path, name: str) -> Home:
    path = top / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(name.encode())
    return Home(os.fsencode(name), fingerprint(os.lstat(path)))


def test_nothing_is_made_by_asking(tmp_path: Path) -> None:
    assert homes_of(tmp_path / "homes") is None
    assert list(tmp_path.iterdir()) == []


def test_one_table_for_a_process_until_it_is_gone(tmp_path: Path) -> None:
    homes = homes_of(tmp_path / "homes", make=True)
    assert homes is not None
    assert homes_of(tmp_path / "homes") is homes
    for path in (tmp_path / "homes").iterdir():
        path.unlink()
    assert homes_of(tmp_path / "homes") is None


def test_a_home_holds_until_its_file_changes(tmp_path: Path) -> None:
    homes = homes_of(tmp_path / "homes", make=True)
    assert homes is not None
    home = made(tmp_path, "data/a")
    homes.keep([(ONE, home)])
    assert homes.find([ONE, OTHER]) == [home, None]
    assert holds(os.fsencode(tmp_path), home)
    homes.pushed([ONE, OTHER])
    assert homes.find([ONE, OTHER]) == [home._replace(pushed=True), None]
    (tmp_path / "data/a").write_bytes(b"other")
    assert not holds(os.fsencode(tmp_path), home)


def test_a_rename_takes_unchanged_files_along(tmp_path: Path) -> None:
    homes = homes_of(tmp_path / "homes", make=True)
    assert homes is not None
    homes.keep([(ONE, made(tmp_path, "data/a")), (OTHER, made(tmp_path, "database"))])
    os.rename(tmp_path / "data", tmp_path / "new")
    homes.moved(b"data", b"new", os.fsencode(tmp_path))
    one, other = homes.find([ONE, OTHER])
    assert one is not None
    assert other is not None
    assert (one.path, other.path) == (b"new/a", b"database")
    assert holds(os.fsencode(tmp_path), one)
