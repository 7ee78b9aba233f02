"""An environment whose writer's lock another process holds."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from vfs.errors import StoreError
from vfs.lmdb import Busy, Closed, Environment, Form
from vfs.lmdb.holder import writer_of
from vfs.testing.mounts import wait_until

GROW_AND_HOLD = """
import lmdb, sys
env = lmdb.open(sys.argv[1], max_dbs=1, map_size=1 << 25, max_readers=1024)
table = env.open_db(b"t")
with env.begin(write=True) as transaction:
    for n in range(1000):
        transaction.put(b"%06d" % n, bytes(8000), db=table)
print("grown", flush=True)
input()
with env.begin(write=True):
    print("held", flush=True)
    input()
"""


class Some(Environment):
    form = Form(name="table", tables=("t",), repeating=(), hint="none", options={"sync": False})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("orders", "environment"):
        monkeypatch.setattr(f"vfs.lmdb.{module}.PATIENCE", 0.2)


@contextmanager
def holder(directory: Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", GROW_AND_HOLD, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def tell(process: "subprocess.Popen[str]", answer: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == answer


def put(environment: Environment, value: bytes) -> None:
    table = environment.tables["t"]
    environment.write(lambda transaction: transaction.put(b"k", value, db=table))


def test_a_reader_does_not_hang_with_a_writer_when_the_map_must_grow(tmp_path: Path) -> None:
    table = Some(tmp_path, map_size=1 << 20)
    put(table, b"mine")
    with holder(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "grown\n"
        tell(other, "held\n")
        found = writer_of(table._lock_file)
        assert found is not None
        assert found.process == other.pid
        first = threading.Thread(target=hang, args=[table])
        first.start()
        wait_until(lambda: bool(table.gate.inside), "the first to hang")
        with pytest.raises(Busy, match=f"process {other.pid} .*holds it"):
            table.get(table.tables["t"], b"k")
        with pytest.raises(Busy):
            put(table, b"refused")
        other.kill()
        first.join()
    assert table.get(table.tables["t"], b"k") == b"mine"
    put(table, b"again")
    assert table.get(table.tables["t"], b"k") == b"again"
    table.close()


def hang(table: Environment) -> None:
    with pytest.raises((Busy, StoreError)):
        table.write_here(lambda transaction: fail())


def fail() -> Any:
    raise StoreError("it began after all")


def test_the_wait_of_a_transaction_that_begins_again_is_bounded_too(tmp_path: Path) -> None:
    table = Some(tmp_path, map_size=1 << 20)
    handle = table.tables["t"]
    with holder(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "grown\n"
        begun: list[int] = []
        resize = table._resize

        def slow(size: int) -> None:  # where another process may slip in between two beginnings
            resize(size)
            if size:
                tell(other, "held\n")

        table._resize = slow  # type: ignore[method-assign]

        def write(transaction: Any) -> None:
            begun.append(1)
            for n in range(3000):
                transaction.put(b"x%06d" % n, bytes(16000), db=handle)

        with pytest.raises(Busy):
            table.write(write)
        assert len(begun) == 1
        assert not table.can_write()
        table.close()
        other.kill()


def test_an_environment_that_is_held_is_opened_for_reading(tmp_path: Path) -> None:
    table = Some(tmp_path, map_size=1 << 20)
    put(table, b"mine")
    table.close()
    with holder(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "grown\n"
        tell(other, "held\n")
        table = Some(tmp_path, map_size=1 << 20)
        assert table.held
        assert table.get(table.tables["t"], b"k") == b"mine"
        with pytest.raises(Busy, match=f"process {other.pid} "):
            put(table, b"refused")
        table.close()
        other.kill()
    table = Some(tmp_path, map_size=1 << 20)
    put(table, b"again")
    table.close()


def test_what_could_not_be_opened_is_opened_once_the_other_process_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel does not tell who holds the lock (a process of another container), opening begins a transaction."""
    Some(tmp_path, map_size=1 << 20).close()
    monkeypatch.setattr("vfs.lmdb.environment.writer_of", lambda file: None)
    with holder(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "grown\n"
        tell(other, "held\n")
        with pytest.raises(Busy, match="stopped, or is slow"):
            Some(tmp_path, map_size=1 << 20)
        other.kill()
    tables: list[Some] = []

    def opens() -> bool:
        with suppress(StoreError):
            tables.append(Some(tmp_path, map_size=1 << 20))
        return bool(tables)

    wait_until(opens, "the one that hung to let go")
    put(tables[0], b"again")
    tables[0].close()


def test_what_is_ordered_while_it_is_closed_is_told_so(tmp_path: Path) -> None:
    """Whoever knows what is in its place goes on with that."""
    table = Some(tmp_path, map_size=1 << 20)
    table._orders.stop()
    with pytest.raises(Closed):
        put(table, b"late")
    table.close()


def test_what_is_ordered_behind_the_last_order_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread is gone: nobody would carry it out, and no other process holds anything."""
    table = Some(tmp_path, map_size=1 << 20)
    monkeypatch.setattr(table._orders, "_start", table._orders.stop)
    with pytest.raises(Closed, match=f"table {tmp_path}"):
        put(table, b"late")
    table.close()
