"""The LMDB environment: growth under load, other processes, damage."""

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.unit.store.support import fetch, key_of, open_store, payload_of, run_python
from vfs.errors import StoreError
from vfs.lmdb import Damaged
from vfs.store.index import Index
from vfs.store.layout import State


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "index").mkdir(mode=0o700)
    return tmp_path / "index"


def test_a_full_map_grows_while_others_read(directory: Path) -> None:
    index = Index(directory, map_size=256 * 1024)
    index.write(lambda t: index.put_state(t, State(total=7)))
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not stop.wait(0.0001):  # a spinning thread would keep the interpreter from the writer
            if index.state().total != 7:
                wrong.append(index.state())

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()

    def add(first: int) -> Any:
        def write(transaction: Any) -> None:
            for n in range(first, first + 10):
                transaction.put(key_of(n), bytes(2000), db=index.chunks)

        return write

    for first in range(0, 600, 10):
        index.write(add(first))
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert index.get(index.chunks, key_of(599)) == bytes(2000)
    assert (directory / "data.mdb").stat().st_size > 1 << 20
    index.close()


def test_growth_by_another_process_is_followed(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", map_size=256 * 1024) as store:
        assert store.append([(key_of(0), payload_of(0))])
        run_python(
            """
import sys
from pathlib import Path
from tests.unit.store.support import *
with open_store(Path(sys.argv[1]), map_size=256 * 1024) as store:
    for first in range(1, 8001, 400):
        assert store.append([(key_of(n), b"x") for n in range(first, first + 400)])
""",
            tmp_path / "c",
        )
        assert fetch(store, key_of(8000)) == b"x"
        assert store.append([(key_of(9000), b"y")])
        assert fetch(store, key_of(9000)) == b"y"
        assert fetch(store, key_of(0)) == payload_of(0)
        assert store.statistics().chunks == 8002


def test_a_failed_write_changes_nothing(directory: Path) -> None:
    index = Index(directory, map_size=1 << 20)

    def write(transaction: Any) -> None:
        transaction.put(b"k", b"v", db=index.chunks)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        index.write(write)
    assert index.get(index.chunks, b"k") is None
    index.close()


def test_use_after_close_is_an_error(directory: Path) -> None:
    index = Index(directory, map_size=1 << 20)
    index.close()
    index.close()
    for use in (
        index.state,
        lambda: index.write(lambda t: None),
        lambda: index.read(lambda t: None),
    ):
        with pytest.raises(StoreError, match="after close"):
            use()


@pytest.mark.parametrize("content", [b"", b"x", b"no environment" * 1000, bytes(100_000)])
def test_what_is_no_environment_is_named_so(directory: Path, content: bytes) -> None:
    (directory / "data.mdb").write_bytes(content)
    if content == b"":
        Index(directory, map_size=1 << 20).close()  # an empty file is a new environment
        return
    with pytest.raises(Damaged):
        Index(directory, map_size=1 << 20)


def test_an_environment_cut_short_is_damaged(directory: Path) -> None:
    index = Index(directory, map_size=1 << 26)

    def write(transaction: Any) -> None:
        for n in range(100_000):
            transaction.put(key_of(n), bytes(24), db=index.chunks)

    index.write(write)
    index.sync()
    index.close()
    path = directory / "data.mdb"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(Damaged, match="cut short"):
        Index(directory, map_size=1 << 26)
