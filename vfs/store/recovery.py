"""Making a store usable after a crash: a fresh index from what the segments say.

A power cut may tear the index (it is not synced) and may leave segments with holes. The records
in a segment describe themselves, so the index can be written anew; payload is not read, because
its checksum is checked before first use anyway.

Rule: everything here runs while no other process uses the store.
"""

import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from vfs.errors import StoreError
from vfs.lmdb import Damaged
from vfs.lmdb.lease import CLEAN, Lease, boot_id, open_file
from vfs.lmdb.walk import is_sound
from vfs.store.index import Index
from vfs.store.layout import (
    ALIGNMENT,
    DATA_START,
    MAX_KEY,
    RECORD_HEADER,
    RECORD_MAGIC,
    Entry,
    SegmentInfo,
    State,
    aligned,
    parse_record,
    parse_segment_header,
    parse_segment_name,
)

_WINDOW: Final = 1 << 20
_log = logging.getLogger("vfs.store")


class Found(NamedTuple):
    """A record found in a segment file."""

    key: bytes
    offset: int
    length: int
    digest: int
    end: int


def open_alone(directory: Path, lease: Lease, map_size: int) -> Index:
    """Open the index as its only user; makes a new one if it cannot be trusted.

    Raises:
        StoreError: not even a new index can be made.
    """
    index = _open_trusted(directory, lease, map_size)
    if index is None:
        _move_aside(directory / "index")
        lease.note(boot_id())
        index = Index(directory / "index", map_size=map_size)
        _rebuild(index, directory / "segments")
    else:
        lease.note(boot_id())
        if index.is_empty():
            index.write(lambda transaction: index.put_state(transaction, State()))
    _sweep(index, directory / "segments")
    return index


def _open_trusted(directory: Path, lease: Lease, map_size: int) -> Index | None:
    """Open the index that is there; None if a new one must be made. Raises StoreError."""
    if not (directory / "index" / "data.mdb").exists():
        if any((directory / "segments").iterdir()):
            return None
    elif not _believable(directory, lease.last_note()):
        return None
    try:
        index = Index(directory / "index", map_size=map_size)
    except Damaged as error:
        _log.warning("%s", error)
        return None
    try:
        if index.is_empty() or index.has_state():
            return index
        _log.warning("%s: the index has another format", directory)
    except StoreError as error:
        _log.warning("%s", error)
    index.close()
    return None


def _believable(directory: Path, note: str) -> bool:
    """Whether the index may be opened by this process.

    After a power cut it may be torn in ways that no check finds. After a process died, it is sound
    unless it was the reason: LMDB aborts the process that meets a damaged page, so another
    process walks through it first.
    """
    if note == CLEAN:
        return True
    if note != boot_id():
        _log.warning("%s: the machine stopped while the cache was in use", directory)
        return False
    if not is_sound(directory / "index", Index.form):
        _log.warning("%s: the index is damaged", directory)
        return False
    return True


def _move_aside(index: Path) -> None:
    """Keep one damaged index for whoever wants to look at it."""
    if not index.exists():
        index.mkdir(mode=0o700)
        return
    aside = index.with_name("index.damaged")
    shutil.rmtree(aside, ignore_errors=True)
    index.rename(aside)
    index.mkdir(mode=0o700)
    _log.warning("cache index moved to %s; a new one is made from the segments", aside)


def _rebuild(index: Index, segments: Path) -> None:
    """Index every record of every sound segment file; remove files that are none."""
    total = 0
    following = 1
    chunks = 0
    for name in sorted(os.listdir(segments)):
        parsed = parse_segment_name(name)
        info = _index_segment(index, segments / name, *parsed) if parsed else None
        if parsed is None or info is None:
            _remove(segments / name)
            continue
        total += info[0].size
        chunks += info[1]
        following = max(following, parsed[0] + 1)
    state = State(next_segment=following, total=total)
    index.write(lambda transaction: index.put_state(transaction, state))
    _log.warning("cache index rebuilt: %d chunks, %d bytes", chunks, total)


def _index_segment(
    index: Index, path: Path, number: int, nonce: int
) -> tuple[SegmentInfo, int] | None:
    """Index the records of one segment file; None if it is not the segment its name says."""
    try:
        descriptor = open_file(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        parsed = parse_segment_header(os.pread(descriptor, 64, 0))
        if parsed is None or (parsed[0], parsed[1].nonce) != (number, nonce):
            return None
        found = list(scan(descriptor, nonce))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    size = max((record.end for record in found), default=DATA_START)
    info = parsed[1]._replace(size=size)
    prefix = number.to_bytes(4, "big")

    def write(transaction: Any) -> None:
        transaction.put(prefix, info.pack(), db=index.segments)
        for record in found:
            entry = Entry(number, record.offset, record.length, secrets.randbits(32), record.digest)
            transaction.put(record.key, entry.pack(), db=index.chunks)
            member = prefix + record.offset.to_bytes(4, "big")
            transaction.put(member, record.key, db=index.members)

    index.write(write)
    return info, len(found)


def scan(descriptor: int, nonce: int) -> Iterator[Found]:
    """Every record of a segment whose payload lies wholly in the file. Raises OSError."""
    size = os.fstat(descriptor).st_size
    position = DATA_START
    while position < size:
        record = parse_record(os.pread(descriptor, RECORD_HEADER + MAX_KEY, position), nonce)
        if record is None:
            position = _next_candidate(descriptor, position + ALIGNMENT, size)
            continue
        key, length, digest = record
        offset = position + RECORD_HEADER + len(key)
        if offset + length > size:
            return
        position = aligned(offset + length)
        yield Found(key, offset, length, digest, position)


def _next_candidate(descriptor: int, position: int, size: int) -> int:
    """The next place at or after `position` that begins like a record."""
    while position < size:
        window = os.pread(descriptor, _WINDOW, position)
        at = window.find(RECORD_MAGIC)
        while at >= 0:
            if at % ALIGNMENT == 0:
                return position + at
            at = window.find(RECORD_MAGIC, at + 1)
        position += _WINDOW
    return size


def _sweep(index: Index, segments: Path) -> None:
    """Remove segment files that the index does not name (left by a kill between two steps)."""

    def read(transaction: Any) -> set[int]:
        with transaction.cursor(index.segments) as cursor:
            return {int.from_bytes(key, "big") for key in cursor.iternext(values=False)}

    known = index.read(read)
    for name in os.listdir(segments):
        parsed = parse_segment_name(name)
        if parsed is None or parsed[0] not in known:
            _remove(segments / name)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        _log.warning("%s cannot be removed: %s", path, error.strerror)
