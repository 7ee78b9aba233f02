"""What a catalog kept in memory for want of the writer's lock, and what comes of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from vfs.catalog.storage import close_storage, open_storage

HOLD = """
import lmdb, sys
env = lmdb.open(sys.argv[1], max_dbs=16, map_size=1 << 30, max_readers=1024)
with env.begin(write=True):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("orders", "environment"):
        monkeypatch.setattr(f"vfs.lmdb.{module}.PATIENCE", 0.2)


@pytest.mark.usefixtures("impatient")
def test_a_catalog_opened_while_it_is_held_is_written_to_once_it_is_free(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    storage.put("notes", [(b"a", b"1")], replace=True)
    close_storage(storage)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        storage = open_storage(tmp_path)
        storage.put("notes", [(b"b", b"2")], replace=True)
        holder.kill()
        holder.wait()
    storage.put("notes", [(b"c", b"3")], replace=True)
    assert not storage.degraded
    close_storage(storage)
    again = open_storage(tmp_path)
    assert again.get("notes", b"b") == b"2"
    assert again.get("notes", b"c") == b"3"
    close_storage(again)
