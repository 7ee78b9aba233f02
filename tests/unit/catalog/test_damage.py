"""Damage inside the file: a catalog in use starts anew, and one that ended a process is looked at first."""

import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from vfs.catalog import Catalog, TreeEntry
from vfs.errors import StoreError
from vfs.types import Algorithm, Digest, Kind

PAGE = 4096


def digest(number: int) -> Digest:
    return Digest(Algorithm.MD5, number.to_bytes(16, "big"))


ENTRIES = [TreeEntry(b"%08d" % n, Kind.FILE, digest(n), n, n) for n in range(3000)]


def fill(directory: Path) -> bytes:
    catalog = Catalog.open(directory)
    catalog.learn((digest(n), n, n) for n in range(50_000))
    tree = catalog.build_tree(ENTRIES, mtime=3).tree_id
    catalog.close()
    return tree


def spoil(directory: Path) -> None:
    """Overwrite everything but the two meta pages, so that it opens."""
    with (directory / "data.mdb").open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(2 * PAGE)
        file.write(os.urandom(size - 2 * PAGE))


@pytest.mark.parametrize("opened", [True, False])
def test_damage_met_in_use_ends_with_an_empty_sound_catalog(tmp_path: Path, opened: bool) -> None:
    tree_id = fill(tmp_path)
    if not opened:
        spoil(tmp_path)
    catalog = Catalog.open(tmp_path)
    other = Catalog.open(tmp_path)
    if opened:
        assert catalog.facts(digest(5)) == (5, 5)
        spoil(tmp_path)
    assert catalog.facts(digest(40_000)) is None
    assert not catalog.degraded
    with pytest.raises(StoreError, match="unknown tree"):
        other.open_tree(tree_id)
    assert catalog.build_tree(ENTRIES, mtime=1).tree_id == tree_id
    other.learn([(digest(1), 2, 3)])
    assert catalog.facts(digest(1)) == (2, 3)
    catalog.close()
    other.close()
    again = Catalog.open(tmp_path)
    assert list(again.open_tree(tree_id).walk()) == ENTRIES
    again.close()


def test_a_tree_in_use_can_be_read_again_when_it_is_built_again(tmp_path: Path) -> None:
    fill(tmp_path)
    catalog = Catalog.open(tmp_path)
    tree = catalog.build_tree(ENTRIES, mtime=3)
    spoil(tmp_path)
    with pytest.raises(StoreError):
        list(tree.walk())
    assert catalog.losses
    catalog.build_tree(ENTRIES, mtime=3)
    assert list(tree.walk()) == ENTRIES
    catalog.close()


def test_two_processes_end_with_one_sound_catalog(tmp_path: Path) -> None:
    fill(tmp_path)
    code = """
        import sys
        from pathlib import Path
        from vfs.catalog import Catalog
        from vfs.types import Algorithm, Digest
        catalog = Catalog.open(Path(sys.argv[1]))
        digest = Digest(Algorithm.MD5, (7).to_bytes(16, "big"))
        print(catalog.facts(digest), flush=True)
        sys.stdin.readline()
        catalog.facts_many([Digest(Algorithm.MD5, n.to_bytes(16, "big")) for n in range(50_000)])
        print(catalog.facts(digest), flush=True)
        catalog.close()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "(7, 7)\n"
        catalog = Catalog.open(tmp_path)
        spoil(tmp_path)
        assert catalog.facts(digest(40_000)) is None
        catalog.learn([(digest(7), 8, 9)])
        output, _ = other.communicate("\n", timeout=60)
        assert output == "(8, 9)\n"
        assert other.returncode == 0
    assert catalog.facts(digest(7)) == (8, 9)
    catalog.close()


def test_a_lost_page_makes_its_tree_unknown_so_that_it_is_built_again(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    tree_id = catalog.build_tree(ENTRIES, mtime=3).tree_id
    tree = catalog.open_tree(tree_id)
    catalog._storage.delete("pages", [tree.root.page_id(1)])
    with pytest.raises(StoreError, match="lost or damaged"):
        list(tree.walk())
    assert catalog.losses == 1
    with pytest.raises(StoreError, match="unknown tree"):
        catalog.open_tree(tree_id)
    catalog.build_tree(ENTRIES, mtime=4)
    assert catalog.open_tree(tree_id).mtime == 3, "the time was kept"
    assert list(tree.walk()) == ENTRIES
    catalog.close()


def test_meeting_a_lost_page_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the event loop that meets it, and writing waits for other processes."""
    catalog = Catalog.open(tmp_path)
    tree = catalog.build_tree(ENTRIES, mtime=3)
    catalog._storage.delete("pages", [tree.root.page_id(1)])

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("written")

    with monkeypatch.context() as patched:
        for name in ("put", "delete"):
            patched.setattr(type(catalog._storage), name, refuse)
        for _ in range(2):
            with pytest.raises(StoreError, match="lost or damaged"):
                list(tree.walk())
    catalog.close()
    anew = Catalog.open(tmp_path)
    with pytest.raises(StoreError, match="unknown tree"):
        anew.open_tree(tree.tree_id)
    anew.close()


def test_a_fact_of_a_wrong_length_is_none(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    catalog._storage.put("facts", [(digest(1).key, b"short")], replace=True)
    assert catalog.facts(digest(1)) is None
    assert catalog.facts_many([digest(1)]) == [None]
    assert catalog.first_seen(digest(1), 5) == 5
    catalog.learn([(digest(1), 2, 3)])
    assert catalog.facts(digest(1)) == (2, 5)
    catalog.close()


def test_verify_drops_what_is_not_what_its_name_says(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    tree_id = catalog.build_tree(ENTRIES, mtime=3).tree_id
    assert catalog.verify()
    page_id = catalog.open_tree(tree_id).root.page_id(0)
    catalog._storage.put("pages", [(page_id, b"rubbish")], replace=True)
    assert not catalog.verify()
    assert catalog._storage.get("pages", page_id) is None
    catalog.close()


def test_after_a_process_died_the_next_one_looks_first(tmp_path: Path) -> None:
    fill(tmp_path)
    code = """
        import os, sys
        from pathlib import Path
        from vfs.catalog import Catalog
        Catalog.open(Path(sys.argv[1]))
        os._exit(1)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    catalog = Catalog.open(tmp_path)
    assert catalog.facts(digest(9)) == (9, 9), "a death alone loses nothing"
    catalog.close()
    subprocess.run(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    spoil(tmp_path)
    catalog = Catalog.open(tmp_path)
    assert (tmp_path / "data.mdb.damaged").exists()
    assert not catalog.verify()
    catalog.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_wrong_bytes_anywhere_end_at_most_one_process(tmp_path: Path, seed: int) -> None:
    """LMDB may die of them; the process after that one looks first."""
    tree_id = fill(tmp_path)
    chooser = random.Random(seed)
    with (tmp_path / "data.mdb").open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        for _ in range(chooser.choice([3, 30, 300, 3000])):
            file.seek(chooser.randrange(2 * PAGE, size))
            file.write(chooser.randbytes(8))
    code = """
        import sys
        from pathlib import Path
        from tests.unit.catalog.test_damage import ENTRIES, digest
        from vfs.catalog import Catalog
        from vfs.errors import StoreError
        catalog = Catalog.open(Path(sys.argv[1]))
        catalog.facts_many([digest(n) for n in range(50_000)])
        try:
            list(catalog.open_tree(bytes.fromhex(sys.argv[2])).walk())
        except StoreError:
            pass
        catalog.learn((digest(n), n, n) for n in range(50_000, 60_000))
        assert list(catalog.build_tree(ENTRIES, mtime=1).walk()) == ENTRIES
        catalog.close()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path), tree_id.hex()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    codes = [subprocess.run(command, env=environment).returncode for _ in range(2)]
    assert codes[0] <= 0, "killed, or no error"
    assert codes[1] == 0
