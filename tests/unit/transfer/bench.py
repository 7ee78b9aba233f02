"""A fetcher that serves from scripted places, and what every test of it must leave behind."""

import hashlib
import itertools
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from vfs.core.ranges import block_count
from vfs.store import ChunkStore
from vfs.testing.places import FaultyPlace
from vfs.transfer import Fetcher, Place
from vfs.transfer.blocks import Keys, edition_of, here, locate, place_name, scoped, verdict
from vfs.types import BLOCK_SIZE, Algorithm, Blob, Digest

MIB = 1024 * 1024
SCOPE = b"ours".ljust(16)
STRANGER = b"theirs".ljust(16)


@dataclass
class Limits:
    memory_limit: int = 256 * MIB
    jobs: int = 16
    deadline: float = 120.0


def content_of(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def blob_of(content: bytes, scope: bytes = SCOPE) -> Blob:
    """A content as the repository of a scope has it."""
    digest = Digest(Algorithm.MD5, hashlib.md5(content, usedforsecurity=False).digest())
    return scoped(Blob(digest, len(content)), scope)


def leave(
    store: ChunkStore, blob: Blob, content: bytes, blocks: range, version: str = "v1"
) -> bool:
    """Store blocks that nobody has compared, as another process does that got them from a `FaultyPlace` in a version."""
    where = FaultyPlace(content).where
    edition = edition_of(blob, where, version)
    store.remember(blob.key, place_name(where), edition)
    key = blob.edition_key(edition)
    return all(
        store.append(
            [(key + block.to_bytes(4, "big"), content[block * BLOCK_SIZE :][:BLOCK_SIZE])],
            unproven=blob.key,
        )
        for block in blocks
    )


def keys_of(store: ChunkStore, blob: Blob) -> Keys:
    """All that a store has of a blob, whatever its edition."""
    start, own = blob._replace(scope=b"").key, blob.edition_key(bytes(16))
    found: set[bytes] = set()
    engine = store._engine
    assert engine is not None

    def read(transaction: Any) -> None:
        with transaction.cursor(engine.index.chunks) as cursor:
            there = cursor.set_range(start)
            while there and cursor.key().startswith(start):
                found.add(bytes(cursor.key()[:-4]))
                there = cursor.next()

    engine.index.read(read)
    editions = tuple(key for key in found if len(key) == len(own) and blob.scope)
    return Keys(blob.proven_key, editions)


class Bench:
    """A running fetcher, its store, and helpers."""

    def __init__(self, nursery: trio.Nursery, directory: Path) -> None:
        self.nursery = nursery
        self.store = self.open_store(directory)
        self._directory = directory
        self.limits = Limits()
        self.bad: list[Blob] = []
        self.on_bad: Exception | None = None
        self._fetcher: Fetcher | None = None
        self.scope = trio.CancelScope()
        self.ended = trio.Event()

    @staticmethod
    def open_store(directory: Path, limit: int = 1 << 30) -> ChunkStore:
        return ChunkStore.open(directory / "chunks", limit=limit, min_free=0)

    def limit_store(self, limit: int) -> None:
        """Before the start: another store, of so many bytes."""
        self.store.close()
        self.store = self.open_store(self._directory / "limited", limit=limit)

    def refuse_to_store(self) -> None:
        """From now on the store takes nothing."""
        self.limit_store(0)

    def resident(self, blob: Blob) -> list[int]:
        """The blocks that the store has."""
        blocks = range(block_count(blob.size))
        return list(itertools.compress(blocks, here(self.store, keys_of(self.store, blob), blocks)))

    def verdict(self, blob: Blob) -> int | None:
        return verdict(self.store, blob)

    def evict(self, blob: Blob, blocks: Iterable[int]) -> None:
        """Let the store lose blocks, proven or not."""
        numbers = [block.to_bytes(4, "big") for block in blocks]
        keys = keys_of(self.store, blob)
        self.store.drop([key + n for key in (keys.proven, *keys.editions) for n in numbers])

    def stored(self, blob: Blob) -> bytes:
        """The whole blob as the store has it."""
        data = b""
        for block in range(block_count(blob.size)):
            extent = locate(self.store, keys_of(self.store, blob), block)
            assert extent is not None
            data += self.store.read(extent, 0, BLOCK_SIZE)
        return data

    def damage(self, blob: Blob, block: int) -> None:
        """Flip a byte of a stored block on the disk, as another process would meet it."""
        extent = locate(self.store, keys_of(self.store, blob), block)
        assert extent is not None
        extent.segment.clear_verified(extent.offset)
        (file,) = self.store.directory.glob("segments/*")
        with file.open("r+b") as segment:
            segment.seek(extent.offset)
            byte = segment.read(1)[0]
            segment.seek(extent.offset)
            segment.write(bytes([byte ^ 1]))

    async def start(self, **limits: float) -> Fetcher:
        for name, value in limits.items():
            setattr(self.limits, name, value)
        self._fetcher = Fetcher(self.store, self.limits, scope=SCOPE, on_bad=self._note_bad)
        await self.nursery.start(self._run)
        return self._fetcher

    def _note_bad(self, blob: Blob) -> None:
        self.bad.append(blob)
        if self.on_bad is not None:
            raise self.on_bad

    async def _run(self, task_status: trio.TaskStatus[None]) -> None:
        with self.scope:
            await self.fetcher.run(task_status=task_status)
        self.ended.set()

    @property
    def fetcher(self) -> Fetcher:
        assert self._fetcher is not None
        return self._fetcher

    async def read(self, blob: Blob, places: Sequence[Place], offset: int, length: int) -> bytes:
        return bytes(await self.fetcher.read(blob, lambda: places, offset, length))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let tasks and threads go on until a condition of the loop holds."""
        patience = time.monotonic() + 120  # real seconds: a test may drive trio's clock
        while not condition():
            assert time.monotonic() < patience, "waited in vain"
            await trio.lowlevel.checkpoint()
            now = trio.lowlevel.current_statistics()
            if not now.tasks_runnable and not now.run_sync_soon_queue_size:
                # Threads have the processor; a sleep of trio's would let its clock jump, where a test drives it.
                time.sleep(0.0005)  # noqa: ASYNC251

    async def quiet(self) -> None:
        """Until nothing is under way; then every gauge is zero."""
        await self.until(lambda: self.gauges() == (0, 0, 0, 0, 0))

    def gauges(self) -> tuple[int, ...]:
        now = self.fetcher.statistics()
        return (
            now.in_flight_bytes,
            now.in_flight_requests,
            now.queued,
            now.waiting_readers,
            now.checking,
        )


def offsets(size: int, seed: int | None) -> list[int]:
    """Of the blocks of a content, in order or shuffled."""
    found = list(range(0, size, BLOCK_SIZE))
    if seed is not None:
        random.Random(seed).shuffle(found)
    return found


async def begun(place: FaultyPlace, count: int) -> None:
    """Until a place has been asked that often."""
    await trio.to_thread.run_sync(place.wait_requests, count)
