"""A fetcher that serves from scripted places, and what every test of it must leave behind."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from tests.unit.transfer.memory_store import MemoryStore
from vfs.testing.places import FaultyPlace
from vfs.transfer import Fetcher, Place
from vfs.types import Algorithm, Blob, Digest

MIB = 1024 * 1024


@dataclass
class Limits:
    memory_limit: int = 256 * MIB
    jobs: int = 16
    deadline: float = 120.0


def content_of(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def blob_of(content: bytes) -> Blob:
    digest = Digest(Algorithm.MD5, hashlib.md5(content, usedforsecurity=False).digest())
    return Blob(digest, len(content))


class Bench:
    """A running fetcher, its store, and helpers."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.store = MemoryStore()
        self.limits = Limits()
        self.bad: list[Blob] = []
        self._fetcher: Fetcher | None = None
        self.scope = trio.CancelScope()

    async def start(self, **limits: float) -> Fetcher:
        for name, value in limits.items():
            setattr(self.limits, name, value)
        self._fetcher = Fetcher(self.store, self.limits, on_bad=self.bad.append)  # type: ignore[arg-type]
        await self.nursery.start(self._run)
        return self._fetcher

    async def _run(self, task_status: trio.TaskStatus[None]) -> None:
        with self.scope:
            await self.fetcher.run(task_status=task_status)

    @property
    def fetcher(self) -> Fetcher:
        assert self._fetcher is not None
        return self._fetcher

    async def read(self, blob: Blob, places: Sequence[Place], offset: int, length: int) -> bytes:
        return bytes(await self.fetcher.read(blob, lambda: places, offset, length))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let tasks and threads go on until a condition of the loop holds."""
        with trio.fail_after(30):
            while not condition():
                await trio.lowlevel.checkpoint()

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


async def begun(place: FaultyPlace, count: int) -> None:
    """Until a place has been asked that often."""
    await trio.to_thread.run_sync(place.wait_requests, count)
