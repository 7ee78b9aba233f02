"""Reading every byte of a store and dropping what is not sound."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vfs.lmdb.lease import open_file
from vfs.store.engine import Engine
from vfs.store.evict import Member
from vfs.store.layout import checksum, segment_name, unpack_entry

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """What a scrub found.

    Attributes:
        chunks: chunks read.
        bytes: payload read.
        bad: chunks that were not what was stored; dropped (unless the store is read-only).
        strays: index values that named no chunk; dropped likewise.
    """

    chunks: int
    bytes: int
    bad: int
    strays: int


def scrub(engine: Engine, progress: Progress | None = None) -> ScrubReport:
    """Check every chunk; `progress(bytes done, bytes in all)` is called after each segment.

    Raises:
        StoreError: the index failed.
    """
    segments = engine.evictor.segments()
    whole = sum(info.size for _, info in segments)
    chunks = read = bad = done = 0
    for number, info in segments:
        members = engine.evictor.members(number)
        wrong = _wrong(engine.directory / "segments" / segment_name(number, info.nonce), members)
        chunks += len(members)
        read += sum(member.entry.length for member in members)
        bad += len(wrong)
        for member in wrong:
            _drop(engine, member)
        done += info.size
        if progress is not None:
            progress(done, whole)
    return ScrubReport(chunks, read, bad, _drop_strays(engine))


def _wrong(path: os.PathLike[str], members: list[Member]) -> list[Member]:
    try:
        descriptor = open_file(path, os.O_RDONLY)  # type: ignore[arg-type]
    except OSError:
        return members
    try:
        return [member for member in members if not _sound(descriptor, member)]
    finally:
        os.close(descriptor)


def _sound(descriptor: int, member: Member) -> bool:
    try:
        data = os.pread(descriptor, member.entry.length, member.entry.offset)
    except OSError:
        return False
    return len(data) == member.entry.length and checksum(data) == member.entry.checksum


def _drop(engine: Engine, member: Member) -> None:
    segment = engine.table.known(member.entry.segment)
    if segment is not None:
        segment.clear_verified(member.entry.offset)
    if engine.writable:
        engine.forget(member.key, member.entry)


def _drop_strays(engine: Engine) -> int:
    """Remove index values that no member record confirms."""
    index = engine.index

    def read(transaction: Any) -> list[tuple[bytes, bytes]]:
        found = []
        with transaction.cursor(index.chunks) as cursor:
            for key, value in cursor:
                entry = unpack_entry(value)
                if entry is not None:
                    place = entry.segment.to_bytes(4, "big") + entry.offset.to_bytes(4, "big")
                    if transaction.get(place, db=index.members) == key:
                        continue
                found.append((bytes(key), bytes(value)))
        return found

    strays = index.read(read)

    def write(transaction: Any) -> None:
        for key, value in strays:
            if transaction.get(key, db=index.chunks) == value:
                transaction.delete(key, db=index.chunks)

    if strays and engine.writable:
        index.write(write)
    return len(strays)
