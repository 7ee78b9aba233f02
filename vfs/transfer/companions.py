"""What comes along with the answer for a small blob: other small blobs, checked and stored by the thread of that answer.

Rules:
  * In batches, the nearest first. Who wants one of them meanwhile waits for its batch, which costs no job; for `PATIENCE` at most.
  * An answer brings no more along than `MOST` bytes, nor than a `_SHARE`th of the cache: nobody has asked for it, and what is there has to go for it.
  * What is not what it should be is not stored: whoever wants it asks for it, and meets the error. A store that takes nothing is not tried again.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import trio

from vfs.core.ranges import block_count
from vfs.errors import VfsError
from vfs.formats.hashing import hasher_for
from vfs.store import ChunkStore
from vfs.transfer.accounting import Accounting
from vfs.transfer.blocks import WHOLE_SIZE
from vfs.transfer.place import Buffer, Companion, Generous
from vfs.transfer.state import Job
from vfs.types import BLOCK_SIZE, Blob

BATCH: Final = 1 << 20
"""Bytes stored at once."""

MOST: Final = 8 << 20
_SHARE: Final = 32

PATIENCE: Final = 2.0
"""Seconds that a reader waits; a thread takes some milliseconds for a batch, unless the disk hangs."""


class Coming:
    """Small blobs that a thread is about to store; on the loop. The waits of readers are told to `accounting`."""

    def __init__(self, accounting: Accounting) -> None:
        self._accounting = accounting
        self._blobs: dict[bytes, trio.Event | None] = {}

    def __contains__(self, key: bytes) -> bool:
        return key in self._blobs

    def begin(self, keys: Sequence[bytes]) -> None:
        """They come."""
        for key in keys:
            self._blobs.setdefault(key)

    def end(self, keys: Sequence[bytes]) -> None:
        """They are in the store, or do not come."""
        for key in keys:
            if (event := self._blobs.pop(key, None)) is not None:
                event.set()

    def came(self, job: Job, keys: Sequence[bytes], size: int) -> None:
        """As `end`; `size` bytes of them were stored, which the answer for a job brought."""
        self.end(keys)
        self._accounting.along(job, size)

    def end_all(self) -> None:
        """Nothing comes any more."""
        self.end(list(self._blobs))

    async def awaited(self, blob: Blob) -> bool:
        """As `wait`, by a reader."""
        if blob.key not in self._blobs:
            return False
        with self._accounting.wait(blob):
            return await self.wait(blob.key)

    async def wait(self, key: bytes) -> bool:
        """Until a blob has come, at once if it does not come; whether it was to come."""
        if key not in self._blobs:
            return False
        event = self._blobs[key]
        if event is None:
            event = self._blobs[key] = trio.Event()
        with trio.move_on_after(PATIENCE):
            await event.wait()
        return True


def keep_companions(
    place: Generous,
    store: ChunkStore,
    begin: Callable[[Sequence[bytes]], None],
    end: Callable[[Sequence[bytes], int], None],
) -> None:
    """Store what came along with an answer, as far as it is what it should be; in the thread of the answer.

    Args:
        place: that gave the answer.
        store: takes it.
        begin: told of the keys of all blobs that are about to be stored.
        end: told of the same, batch by batch, when they are there or are not to be had, and how many bytes were stored.
    """
    with contextlib.suppress(VfsError):  # whoever wants them meets the error
        most = min(MOST, store.limit // _SHARE)
        left = [one for one in place.companions(most) if _is_wanted(store, one.blob)]
        begin([one.blob.key for one in left])
        try:
            for batch in _batches(left):
                kept = _keep(store, batch)
                if kept is None:
                    break
                left = left[len(batch) :]
                end([one.blob.key for one in batch], kept)
        finally:
            end([one.blob.key for one in left], 0)


def _is_wanted(store: ChunkStore, blob: Blob) -> bool:
    count = block_count(blob.size)
    return blob.size <= WHOLE_SIZE and None in store.locate_run(blob.key, 0, count)


def _batches(companions: Sequence[Companion]) -> Iterator[list[Companion]]:
    batch: list[Companion] = []
    size = 0
    for one in companions:
        batch.append(one)
        size += one.blob.size
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _keep(store: ChunkStore, batch: Sequence[Companion]) -> int | None:
    """Bytes that were stored; None if the store takes nothing."""
    blocks: list[tuple[bytes, Buffer]] = []
    size = 0
    for blob, read in batch:
        with contextlib.suppress(VfsError):  # of this one
            data = memoryview(read())
            if len(data) == blob.size and _is(blob, data):
                size += len(data)
                blocks += (
                    (blob.key + n.to_bytes(4, "big"), data[n * BLOCK_SIZE :][:BLOCK_SIZE])
                    for n in range(block_count(blob.size))
                )
    return size if not blocks or store.append(blocks) else None


def _is(blob: Blob, data: Buffer) -> bool:
    hasher = hasher_for(blob.digest, blob.size)
    hasher.update(data)
    return hasher.matches(blob.digest.value)
