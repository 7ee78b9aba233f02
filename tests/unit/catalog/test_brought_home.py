"""What was kept in memory for want of the writer's lock is written to the directory, while others go on."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vfs.catalog.storage import close_storage, open_storage
from vfs.catalog.tables import Tables
from vfs.lmdb import Busy, Closed
from vfs.testing.holders import be_impatient, held

ROUNDS = 60


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_nothing_is_lost_that_is_put_meanwhile(tmp_path: Path) -> None:
    storage, over = open_storage(tmp_path), threading.Event()
    counts = [0] * 4

    def work(thread: int) -> None:
        while not over.is_set():
            key = b"%d %d" % (thread, counts[thread])
            storage.put("notes", [(key, b"value")], replace=True)
            counts[thread] += 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(counts))]
    for thread in threads:
        thread.start()
    for _ in range(ROUNDS):
        storage._spill(Busy("another process"))
        while storage.degraded:
            storage._bring_home()
    over.set()
    for thread in threads:
        thread.join()
    close_storage(storage)
    storage = open_storage(tmp_path)
    wanted = (b"%d %d" % (n, k) for n, count in enumerate(counts) for k in range(count))
    assert [key for key in wanted if storage.get("notes", key) is None] == []
    close_storage(storage)


def test_who_reads_meanwhile_waits_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it began with the tables that were open before, for reading only."""
    be_impatient(monkeypatch)
    close_storage(open_storage(tmp_path))
    with held(tmp_path) as holder:
        storage = open_storage(tmp_path)
        storage.put("notes", [(b"key", b"value")], replace=True)
        before = storage._primary
        assert before.held
        holder.kill()
    put, copying, over = Tables.put, threading.Event(), threading.Event()

    def slow(self: Tables, *args: Any, **how: Any) -> int:
        copying.set()
        assert over.wait(30)
        return put(self, *args, **how)

    monkeypatch.setattr(Tables, "put", slow)
    home = threading.Thread(target=storage._bring_home)
    home.start()
    assert copying.wait(30)
    found: list[Tables] = []
    reader = threading.Thread(
        target=lambda: found.append(storage._instead(before, Closed("closed")))
    )
    reader.start()
    reader.join(10)
    assert found == [storage._primary]
    assert found != [before]
    over.set()
    for thread in (home, reader):
        thread.join()
    assert storage.get("notes", b"key") == b"value"
    close_storage(storage)
