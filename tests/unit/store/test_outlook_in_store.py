"""A store that is told what will be read keeps that, and lets go of what was passed first."""

import random
from pathlib import Path

from vfs.store import ChunkStore
from vfs.types import Algorithm, Blob, Digest

PIECE = 64 << 10
CAPACITY = 1 << 20
LIMIT = 8 << 20


def blob(number: int) -> Blob:
    return Blob(Digest(Algorithm.MD5, number.to_bytes(16, "big")), PIECE)


def key(number: int) -> bytes:
    return blob(number).key + bytes(4)


def fill(store: ChunkStore, numbers: range) -> None:
    made = random.Random(1)
    for number in numbers:
        assert store.append([(key(number), made.randbytes(PIECE))])


def test_what_comes_outlives_what_was_read_and_what_was_passed_goes(tmp_path: Path) -> None:
    with ChunkStore.open(tmp_path, limit=LIMIT, min_free=0, capacity=CAPACITY) as store:
        fill(store, range(100))
        coming, passed = [*range(0, 16, 3)], [*range(1, 16, 3)]  # all in the oldest segment
        for number in coming:
            store.outlooks.come(blob(number).proven_key)
        for number in passed:
            store.outlooks.come(blob(number).proven_key)
            store.outlooks.leave(blob(number).proven_key, behind=True)
        for number in range(16):  # all of them were used
            extent = store.locate(key(number))
            assert extent is not None
            store.read(extent, 0, PIECE)
        store.maintain()
        fill(store, range(100, 150))
        here = store.contains_many([key(number) for number in range(150)])
        assert all(here[number] for number in coming)
        assert not any(here[number] for number in passed)
        for number in coming:
            store.outlooks.leave(blob(number).proven_key, behind=True)
        fill(store, range(150, 300))
        assert not any(store.contains_many([key(number) for number in coming]))
