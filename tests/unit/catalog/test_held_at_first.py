"""A catalog that was opened while another process held the writer's lock, and what becomes of it once that lets go."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vfs.catalog.storage import Storage, close_storage, open_storage
from vfs.catalog.tables import INITIAL_MAP
from vfs.store.store import MAP_SIZE
from vfs.waiting import wait_for

HOLD = """
import lmdb, sys
env = lmdb.open(sys.argv[1], max_dbs=16, map_size=1 << 30, max_readers=1024)
with env.begin(write=True):
    print("held", flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("orders", "environment"):
        monkeypatch.setattr(f"vfs.lmdb.{module}.PATIENCE", 0.2)


@contextmanager
def held(directory: Path) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            holder.kill()


def closed(directory: Path, *pairs: tuple[bytes, bytes]) -> None:
    storage = open_storage(directory)
    storage.put("notes", pairs, replace=True)
    close_storage(storage)


def notes(storage: Storage) -> dict[bytes, bytes]:
    return dict(storage.get_sorted("notes", [b"a", b"b", b"c"]))


def test_it_is_written_to_once_it_is_free(tmp_path: Path) -> None:
    closed(tmp_path, (b"a", b"1"))
    with held(tmp_path):
        storage = open_storage(tmp_path)
        storage.put("notes", [(b"b", b"2")], replace=True)
        first = storage._primary
        assert storage.degraded
    storage.put("notes", [(b"c", b"3")], replace=True)
    assert not storage.degraded
    assert storage._primary is not first
    assert storage._instead(first, first._gone()) is storage._primary, "who still has the old one"
    close_storage(storage)
    again = open_storage(tmp_path)
    assert notes(again) == {b"a": b"1", b"b": b"2", b"c": b"3"}
    close_storage(again)


def test_what_is_kept_comes_home_at_the_end(tmp_path: Path) -> None:
    closed(tmp_path, (b"a", b"1"))
    with held(tmp_path):
        storage = open_storage(tmp_path)
        storage.put("notes", [(b"b", b"2")], replace=True)
    close_storage(storage)
    again = open_storage(tmp_path)
    assert notes(again) == {b"a": b"1", b"b": b"2"}
    close_storage(again)


@pytest.mark.parametrize("at_first", [True, False])
def test_what_is_forgotten_while_it_is_held_stays_forgotten(tmp_path: Path, at_first: bool) -> None:
    closed(tmp_path, (b"a", b"1"), (b"b", b"2"))
    early = None if at_first else open_storage(tmp_path)
    with held(tmp_path):
        storage = early or open_storage(tmp_path)
        storage.delete("notes", [b"a", b"b"])
        assert notes(storage) == {}
        assert storage.get("notes", b"a") is None
        storage.put("notes", [(b"b", b"3")], replace=True)
        assert notes(storage) == {b"b": b"3"}
    primary = storage._primary
    assert wait_for(lambda: not (primary._orders.hangs() or primary.is_held()), 30)
    storage.put("notes", [(b"c", b"4")], replace=True)
    close_storage(storage)
    again = open_storage(tmp_path)
    assert notes(again) == {b"b": b"3", b"c": b"4"}
    close_storage(again)


def test_the_map_is_as_large_as_that_of_the_index() -> None:
    """While it grows a process that hangs in a transaction holds up those who read."""
    assert INITIAL_MAP >= MAP_SIZE
