"""What LMDB's record locks on `lock.mdb` tell other processes about this one stays true for as long as it has the environment open."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vfs.errors import StoreError
from vfs.lmdb import Environment, Form

WRITE = """
import sys
from pathlib import Path
from tests.unit.lmdb.test_lock_file import Some, fill
from vfs.lmdb import Busy
import vfs.lmdb.environment, vfs.lmdb.orders
for module in (vfs.lmdb.environment, vfs.lmdb.orders):
    module.PATIENCE = 0.2
try:
    table = Some(Path(sys.argv[1]), map_size=1 << 26)
    for n in range(10):
        fill(table, bytes([n]))
    print("written")
except Busy:
    print("busy")
"""


class Some(Environment):
    form = Form(name="table", tables=("t",), repeating=(), hint="none", options={"sync": False})


def fill(table: Some, value: bytes) -> None:
    def write(transaction: Any) -> None:
        for n in range(500):
            transaction.put(b"%05d" % n, value * 1000, db=table.tables["t"])

    table.write(write)


def other_writes(directory: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WRITE, directory], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or done.stderr


def locks(directory: Path) -> list[str]:
    """This process's, without their numbers."""
    inode = f":{(directory / 'lock.mdb').stat().st_ino} "
    lines = Path("/proc/locks").read_text().splitlines()
    mine = f" {os.getpid()} "
    return sorted(line.split(":", 1)[1] for line in lines if inode in line and mine in line)


def open_again(table: Some) -> None:
    with pytest.raises(StoreError, match="already open"):
        Some(table.directory, map_size=1 << 26)


def open_by_another_name(table: Some) -> None:
    name = table.directory.with_name("link")
    name.symlink_to(table.directory)
    for readonly in (False, True):
        with pytest.raises(StoreError, match="already open"):
            Some(name, map_size=1 << 26, readonly=readonly)


def fork(table: Some) -> None:
    child = os.fork()
    if child == 0:
        table.is_held()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    "ask", [Some.is_held, Some.can_write, Some._whats_held, open_again, open_by_another_name, fork]
)
def test_the_locks_of_this_process_stay(tmp_path: Path, ask: Callable[[Some], object]) -> None:
    (directory := tmp_path / "table").mkdir()
    table = Some(directory, map_size=1 << 26)
    fill(table, b"b")
    table.get(table.tables["t"], b"a")
    before = locks(directory)
    assert before
    ask(table)
    assert locks(directory) == before
    table.close()
    assert not locks(directory)


def test_a_reader_sees_one_version_while_another_process_writes(tmp_path: Path) -> None:
    table = Some(tmp_path, map_size=1 << 26)
    fill(table, b"b")
    assert not table.is_held()

    def read(transaction: Any) -> set[bytes]:
        assert other_writes(tmp_path) == "written"
        return {transaction.get(b"%05d" % n, db=table.tables["t"]) for n in range(500)}

    assert table.read(read) == {b"b" * 1000}
    table.close()


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    table = Some(tmp_path, map_size=1 << 26)
    fill(table, b"b")
    assert not table.is_held()
    assert table.write(lambda transaction: other_writes(tmp_path)) == "busy"
    table.close()


def test_the_descriptor_goes_with_the_environment(tmp_path: Path) -> None:
    def opened() -> int:
        found = [os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir()]
        return found.count(os.path.realpath(tmp_path / "lock.mdb"))

    for _ in range(3):
        table = Some(tmp_path, map_size=1 << 26)
        open_again(table)
        assert opened() == 2  # LMDB's and ours
        table.close()
        assert opened() == 0
    (tmp_path / "data.mdb").write_bytes(b"no environment" * 1000)
    with pytest.raises(StoreError):
        Some(tmp_path, map_size=1 << 26)
    assert opened() == 0
