"""Walking the working tree, and the digests of what is there."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.errors import DataUnavailable, UnsafePath
from vfs.objects import ObjectCache
from vfs.state import FileState, StateTable
from vfs.tracking.contents import BATCH, Contents
from vfs.tracking.scan import Scanner
from vfs.types import Algorithm

NAMES = st.text("ab-./ é\\*", min_size=1, max_size=12).filter(
    lambda text: all(part not in ("", ".", "..") and len(part) < 9 for part in text.split("/"))
)


def write(root: Path, name: str, data: bytes = b"x") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def scanned(root: Path, path: bytes, border: bytes = b"") -> tuple[list[bytes], Scanner]:
    scanner = Scanner(os.fsencode(root), border)
    return [file.path for file in scanner.files(path)], scanner


@settings(deadline=None)
@given(names=st.sets(NAMES, max_size=25))
def test_paths_come_sorted_as_in_a_listing(
    tmp_path_factory: pytest.TempPathFactory, names: set[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    (root / "top").mkdir()
    for name in names:
        try:
            write(root / "top", name)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # another name needs it to be the other kind
    paths, scanner = scanned(root, b"top")
    assert paths == sorted(paths)
    assert paths == sorted(
        os.fsencode(p.relative_to(root)) for p in (root / "top").rglob("*") if p.is_file()
    )
    assert scanner.problems == []


def test_a_single_file_and_nothing(tmp_path: Path) -> None:
    write(tmp_path, "a/b", b"12345")
    (tmp_path / "a/b").chmod(0o755)
    (file,) = Scanner(os.fsencode(tmp_path)).files(b"a/b")
    assert (file.path, file.fingerprint.size, file.executable, file.link) == (
        b"a/b",
        5,
        True,
        False,
    )
    assert scanned(tmp_path, b"none")[0] == []
    assert scanned(tmp_path, b"a/b/c")[0] == []


def test_what_cannot_be_tracked(tmp_path: Path) -> None:
    write(tmp_path, "d/ok")
    os.mkfifo(tmp_path / "d/pipe")
    (tmp_path / "d/broken").symlink_to("nowhere")
    (tmp_path / "d/loop").symlink_to("loop")
    (tmp_path / "d/there").symlink_to("ok")
    (tmp_path / "d/dir").symlink_to("../d")
    write(tmp_path, "d/in/.dvcignore")
    write(tmp_path, "d/repo/.dvc/config")
    write(tmp_path, "d/repo/data")
    write(tmp_path, "d/git~1/x")
    write(tmp_path, "d/.git/x")
    with open(os.fsencode(tmp_path) + b"/d/\xff", "wb"):
        pass
    paths, scanner = scanned(tmp_path, b"d")
    assert paths == [b"d/ok", b"d/there"]
    assert sorted(problem.path for problem in scanner.problems) == [
        b"d/broken",
        b"d/git~1/x",
        b"d/in/.dvcignore",
        b"d/loop",
        b"d/pipe",
        b"d/repo",
        b"d/\xff",
    ]
    assert [note.path for note in scanner.notes] == [b"d/dir"]
    with pytest.raises((DataUnavailable, UnsafePath), match="6 more like this"):
        scanner.check()


def test_ignored(tmp_path: Path) -> None:
    write(tmp_path, ".dvcignore", b"*.tmp\n/sub/data/skip/\n")
    write(tmp_path, "sub/.dvc/config")
    write(tmp_path, "sub/.dvcignore", b"*.log\n!keep.log\n")
    for name in ("a", "b.tmp", "c.log", "keep.log", "skip/x"):
        write(tmp_path, f"sub/data/{name}")
    assert scanned(tmp_path, b"sub/data")[0] == [b"sub/data/a", b"sub/data/keep.log"]
    inner, _ = scanned(tmp_path, b"sub/data", border=b"sub")  # the outer file ends at the border
    assert inner == [b"sub/data/a", b"sub/data/b.tmp", b"sub/data/keep.log", b"sub/data/skip/x"]
    paths, scanner = scanned(tmp_path, b"sub/data/skip/x")
    assert paths == []
    assert [problem.code for problem in scanner.problems] == ["ignored"]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[FileState]:
    table = StateTable.open(tmp_path / "state")
    yield FileState(table)
    table.close()


def test_contents_in_order_and_never_read_twice(tmp_path: Path, state: FileState) -> None:
    count = 2 * BATCH + 7
    for number in range(count):
        write(tmp_path, f"d/{number}", b"%d" % number)
    write(tmp_path, "d/large", b"z" * (9 << 20))
    while not _settled(tmp_path / "d"):
        pass
    top = os.fsencode(tmp_path)
    cache = ObjectCache(str(tmp_path / "cache"))
    for store, read in ((None, True), (None, False), (cache, True), (cache, False)):
        with Contents(top, state) as contents:
            found = list(contents.of(Scanner(top).files(b"d"), cache=store))
        assert [c.file.path for c in found] == sorted(c.file.path for c in found)
        assert len(found) == count + 1
        assert {c.read for c in found} == {read}
        for content in found[:50]:
            data = (tmp_path / os.fsdecode(content.file.path)).read_bytes()
            assert content.digest.value == hashlib.md5(data).digest()
    assert all(cache.trusted(c.digest) for c in found)


def _settled(directory: Path) -> bool:
    """Whether the youngest file is old enough to be remembered."""
    youngest = max(path.stat().st_ctime_ns for path in directory.iterdir())
    return time.time_ns() - youngest > 150_000_000


def test_what_was_read_is_remembered_when_something_fails(tmp_path: Path, state: FileState) -> None:
    for number in range(200):
        write(tmp_path, f"d/{number:03}", b"%d" % number)
    while not _settled(tmp_path / "d"):
        pass
    top = os.fsencode(tmp_path)
    files = list(Scanner(top).files(b"d"))
    (tmp_path / "d/199").unlink()
    with pytest.raises(DataUnavailable, match="d/199"), Contents(top, state) as contents:
        list(contents.of(files))
    known = state.digests([(f.path, f.fingerprint) for f in files], Algorithm.MD5)
    assert sum(d is not None for d in known) >= 128
