"""What was kept in memory for want of the writer's lock is written to the directory, while others go on."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.catalog.storage import close_storage, open_storage
from vfs.lmdb import Busy

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
