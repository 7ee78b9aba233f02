"""`download`: what a worker thread does for one job.

Rules: a block is announced as soon as it is complete; blocks are given to the store in batches, in this thread. A blob
that comes whole is hashed before anything of it is announced or stored. Nothing here waits for the event loop.

Invariant: a buffer is never written again once it has been announced.
"""

import os
import time
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self

from vfs.core.attempts import LISTENER
from vfs.core.ranges import block_length
from vfs.core.turns import TURN
from vfs.errors import ContentMismatch, ObjectMissing, RemoteUnavailable, VfsError
from vfs.formats.hashing import hasher_for
from vfs.store import BAD, UNPROVEN, VERIFIED, ChunkStore, Taken, checksum
from vfs.transfer.blocks import edition_of, verdict
from vfs.transfer.companions import keep_companions
from vfs.transfer.local_file import unreadable, verdict_key
from vfs.transfer.place import Body, Continued, Generous, Place
from vfs.transfer.source import Source
from vfs.transfer.state import Job
from vfs.transfer.waiter import Data
from vfs.types import BLOCK_SIZE, Blob

BATCH_BLOCKS: Final = 8
"""Blocks given to the store at once (2 MiB): one index transaction for all."""


class Announce(Protocol):
    """Where the thread reports to; every method returns at once."""

    def opened(self, job: Job, etag: str) -> None:
        """The place answers; this is the version of its object, and `Job.prefix` its edition."""

    def arrived(self, job: Job, blocks: Sequence[tuple[int, Data]], mark: int) -> None:
        """Blocks are complete: one of a part, with its checksum, or all of a `whole`, which are verified."""

    def stored(self, job: Job, blocks: list[int], *, taken: Taken, lasting: bool) -> None:
        """Announced blocks are in the store (for long: it has room for all of the blob), or the store did not take them."""

    def coming(self, job: Job, keys: Sequence[bytes]) -> None:
        """Other small blobs came along and are about to be stored."""

    def came(self, job: Job, keys: Sequence[bytes], size: int) -> None:
        """Some of them are in the store (`size` bytes), or not to be had."""


def download(job: Job, source: Source, store: ChunkStore, announce: Announce) -> None:
    """Read the job's blocks from a place, in the version that the job asks for.

    Raises:
        VfsError: of the place.
        ContentMismatch: the object has another size than the blob, or (whole) other bytes than its digest names.
        RemoteUnavailable: the answer ended before its end.
    """

    def note(error: VfsError) -> None:
        job.trouble = error
        job.tries += 1

    LISTENER.set(note)  # of this thread's context alone
    TURN.set(job.turn)
    place = source.place
    try:
        body, keep = _open(job, place, store)
        with body:
            job.body = body
            _check_size(job, place, body)
            if keep:
                job.prefix = _prefix(job, source, body.etag or job.asked)
            announce.opened(job, body.etag)
            if job.whole:
                _read_whole(job, place, body, store if keep else None, announce)
            else:
                _read_part(job, place, body, store if keep else None, announce)
    finally:
        job.body = None
        job.ended.set()


def end_downloads(jobs: list[Job], seconds: float) -> None:
    """Close the answers of jobs and wait (at most `seconds`) until their threads have let go; in a thread."""
    for job in jobs:
        body = job.body
        if body is not None:
            body.close()
    until = time.monotonic() + seconds
    for job in jobs:
        job.ended.wait(max(0.0, until - time.monotonic()))


def _prefix(job: Job, source: Source, version: str) -> bytes:
    """What the keys of the blocks begin with that come in an answer of this version."""
    blob = job.state.blob
    if not blob.scope:
        return blob.key
    edition = edition_of(blob, source.place.where, version) if version else source.nameless
    return blob.edition_key(edition)


def _open(job: Job, place: Place, store: ChunkStore) -> tuple[Body, bool]:
    """The bytes of the job's range, and whether the store should keep them (no copies of local files)."""
    start = job.first * BLOCK_SIZE
    if place.local:
        descriptor = place.open_file()
        if descriptor is not None:
            _check_trusted(job.state.blob, place, descriptor, store)
            return _FileBody(descriptor, start, job.size), False
    body = place.get(start, job.size, etag=job.asked)
    if isinstance(body, Continued):
        body.followed = lambda: job.stop in job.state.owners
    return body, True


def _check_trusted(blob: Blob, place: Place, descriptor: int, store: ChunkStore) -> None:
    if store.verdict(verdict_key(blob, descriptor)) == BAD:
        os.close(descriptor)
        raise ObjectMissing(
            f"{place.label}: the file named {blob.digest} has other bytes",
            hint="`vfs doctor` names damaged cache files; remove it, then `dvc fetch`",
        )


def _check_size(job: Job, place: Place, body: Body) -> None:
    size = job.state.blob.size
    if 0 <= body.size != size:
        raise ContentMismatch(
            f"{job.state.blob.digest} at {place.label} has {body.size} bytes, expected {size}",
            hint="the object there is damaged or was replaced; push it again",
        )


def _read_whole(
    job: Job, place: Place, body: Body, store: ChunkStore | None, announce: Announce
) -> None:
    blob = job.state.blob
    hasher = hasher_for(blob.digest, blob.size) if job.state.provable else None
    blocks: list[tuple[int, bytearray]] = []
    for block in job.run:
        if job.cancelled:
            return
        data = _read_block(job, place, body, block)
        if hasher is not None:
            hasher.update(data)
        blocks.append((block, data))
    if hasher is not None and not hasher.matches(blob.digest.value):
        raise ContentMismatch(
            f"{blob.digest} at {place.label}: its bytes are not those the digest names",
            hint="the object there is damaged; push it again from a clone that has it",
        )
    announce.arrived(job, blocks, 0)
    try:  # who reads has the bytes; who waits for the store may want what came along next
        if store is not None and isinstance(place, Generous):
            keep_companions(
                place, store, partial(announce.coming, job), partial(announce.came, job)
            )
    finally:
        _store(job, blocks, store, announce)


def _read_part(
    job: Job,
    place: Place,
    body: Body,
    store: ChunkStore | None,
    announce: Announce,
) -> None:
    batch: list[tuple[int, bytearray]] = []
    marks: list[int] = []
    unproven = job.state.blob.key if job.state.provable else b""
    try:
        for block in range(job.first, job.stop):
            if job.cancelled or block >= job.stop:
                return
            data = _read_block(job, place, body, block)
            marks.append(checksum(data))
            announce.arrived(job, [(block, data)], marks[-1])
            batch.append((block, data))
            if len(batch) >= BATCH_BLOCKS:
                full, sums, batch, marks = batch, marks, [], []
                _store(job, full, store, announce, unproven=unproven, sums=sums)
    finally:
        if batch:
            _store(job, batch, store, announce, unproven=unproven, sums=marks)


def _store(
    job: Job,
    blocks: list[tuple[int, bytearray]],
    store: ChunkStore | None,
    announce: Announce,
    *,
    unproven: bytes = b"",
    sums: Sequence[int] = (),
) -> Taken:
    """Give announced blocks to the store; reports whatever comes of it, so that nobody holds them for ever."""
    taken, lasting = Taken.LATER, False
    job.storing = True
    try:
        if store is not None:
            items = [(job.prefix + block.to_bytes(4, "big"), data) for block, data in blocks]
            taken = store.append(items, unproven=unproven, sums=sums)
            lasting = bool(taken) and store.has_room(job.state.blob.size)
            if not taken and unproven and verdict(store, job.state.blob) == VERIFIED:
                store.set_verdict(unproven, UNPROVEN)  # of bytes that readers have had
    finally:
        job.storing = False
        announce.stored(job, [block for block, _ in blocks], taken=taken, lasting=lasting)
    return taken


def _read_block(job: Job, place: Place, body: Body, block: int) -> bytearray:
    data = bytearray(block_length(job.state.blob.size, block))
    view = memoryview(data)
    filled = 0
    while filled < len(data):
        count = body.readinto(view[filled:])
        if count <= 0:
            raise RemoteUnavailable(
                f"{job.state.blob.digest} at {place.label}: the answer ended at byte "
                f"{block * BLOCK_SIZE + filled}, before byte {job.first * BLOCK_SIZE + job.size}"
            )
        filled += count
        job.received += count
    view.release()
    return data


class _FileBody:
    """A range of a plain local file."""

    etag = ""

    def __init__(self, descriptor: int, start: int, length: int) -> None:
        self._descriptor = descriptor
        self._offset = start
        self._end = start + length
        self.size = os.fstat(descriptor).st_size

    def readinto(self, buffer: memoryview, /) -> int:
        room = min(len(buffer), self._end - self._offset)
        try:
            count = os.preadv(self._descriptor, [buffer[:room]], self._offset)
        except OSError as error:
            raise unreadable(error) from error
        self._offset += count
        return count

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        self.close()
