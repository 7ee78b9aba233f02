"""Figures of the chunk store: lookups, hot reads, appends, first reads, opening, rebuilding.

    python tests/bench/store_bench.py [DIRECTORY]

The directory should lie on the disk whose figures matter; it gets about 600 MiB and is emptied.
"""

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from vfs.store import ChunkStore

BLOCK = 256 * 1024
MIB = 1 << 20


def key_of(number: int) -> bytes:
    """Key of a block, shaped like those of foreign blobs."""
    return b"\x02" + bytes(16) + number.to_bytes(4, "big")


def each(label: str, function: Callable[[int], object], count: int) -> None:
    """Print the CPU time of a call: the best of five runs of `count` calls."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for number in range(count):
            function(number)
        best = min(best, time.process_time() - start)
    print(f"{label:<44} {best / count * 1e6:9.2f} us")


def rate(label: str, function: Callable[[], int]) -> None:
    """Print the throughput of one run; the function returns bytes."""
    start = time.perf_counter()
    size = function()
    print(f"{label:<44} {size / (time.perf_counter() - start) / MIB:9.0f} MiB/s")


def appends(store: ChunkStore, payload: bytes, first: int, count: int, batch: int) -> int:
    """Append blocks in batches."""
    for number in range(first, first + count, batch):
        assert store.append([(key_of(n), payload) for n in range(number, number + batch)])
    return count * len(payload)


def threaded(store: ChunkStore, payload: bytes, first: int, count: int, threads: int) -> int:
    """Append from several threads at once, one block per call."""
    workers = [
        threading.Thread(target=appends, args=(store, payload, first + n * count, count, 1))
        for n in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return threads * count * len(payload)


def hot(store: ChunkStore) -> None:
    """Lookups and reads of what is in memory."""
    extents = [store.locate(key_of(n)) for n in range(256)]
    each("locate", lambda n: store.locate(key_of(n & 255)), 50_000)
    each("locate_run of 64", lambda n: store.locate_run(key_of(0)[:-4], 0, 64), 1000)
    for size in (4096, 128 * 1024):

        def read(n: int, size: int = size) -> None:
            extent = extents[n & 255]
            assert extent is not None
            assert store.read_nowait(extent, 8192, size) or store.read(extent, 8192, size)

        each(f"read_nowait {size // 1024} KiB", read, 20_000)

    def both(n: int) -> None:
        extent = store.locate(key_of(n & 255))
        assert extent is not None
        assert store.read_nowait(extent, 8192, 4096) or store.read(extent, 8192, 4096)

    each("locate + read_nowait 4 KiB", both, 50_000)


def first_reads(store: ChunkStore, count: int) -> int:
    """Read blocks this process has not verified yet, from the page cache."""
    for number in range(count):
        extent = store.locate(key_of(number))
        assert extent is not None
        assert len(store.read(extent, 0, BLOCK)) == BLOCK
    return count * BLOCK


def reopen(directory: Path) -> None:
    """Time opening and closing."""
    ChunkStore.open(directory, limit=1 << 40, min_free=0).close()


def main() -> None:
    """Run everything and print a line for each figure."""
    root = Path(tempfile.mkdtemp(dir=sys.argv[1] if len(sys.argv) > 1 else None))
    directory = root / "chunks"
    payload = os.urandom(BLOCK)
    try:
        store = ChunkStore.open(directory, limit=1 << 40, min_free=0)
        rate("append 256 KiB, one per call", lambda: appends(store, payload, 0, 512, 1))
        rate("append 256 KiB, 16 per call", lambda: appends(store, payload, 1000, 512, 16))
        rate("append 256 KiB, 4 threads", lambda: threaded(store, payload, 2000, 128, 4))
        small = os.urandom(4096)
        start = time.perf_counter()
        appends(store, small, 100_000, 10_000, 100)
        print(
            f"{'append 4 KiB, 100 per call':<44} {10_000 / (time.perf_counter() - start):9.0f} /s"
        )
        hot(store)
        store.close()
        store = ChunkStore.open(directory, limit=1 << 40, min_free=0)
        rate("first read (checked), in page cache", lambda: first_reads(store, 512))
        rate("read again", lambda: first_reads(store, 512))
        rate("verify", lambda: store.verify().bytes)
        store.close()
        each("open and close", lambda _: reopen(directory), 5)
        (directory / "boot").write_text("another boot")
        start = time.perf_counter()
        reopen(directory)
        print(f"{'open with a rebuild of the index':<44} {time.perf_counter() - start:9.2f} s")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
