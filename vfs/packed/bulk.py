"""Many files at once: neighbouring chunks come with one ranged GET.

Rules: files are given in the order of their paths, which is the order in packs. Pieces come as their ranges arrive: those of one
file not necessarily in order, so a writer seeks. Every piece is checked against its id. The small files of a range may be taken
together by who knows to do that in another process, in the threads of the ranges.
Memory: `jobs` + 1 ranges of `RANGE` bytes (or one chunk, if that is longer) and what they hold when decompressed.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from vfs.errors import ContentMismatch, FormatError, ObjectMissing, RemoteError
from vfs.formats.manifest_blocks import ChunkPlace, PackedFile
from vfs.formats.packs import PackRef, open_chunk
from vfs.formats.zstd import Buffer, Decompressor
from vfs.remotes import Remote
from vfs.remotes.base import read_body

RANGE = 8 << 20
GAP = 64 << 10
OPEN_RUNS = 8


class Piece(NamedTuple):
    """Bytes of a file at an offset; an empty file has one empty piece."""

    file: PackedFile
    offset: int
    data: Buffer


class Small(NamedTuple):
    """A file of one chunk in a range that was fetched.

    Attributes:
        value: digest of its content, of the pointer's algorithm.
        size: bytes.
        start, stored: where its chunk lies in the bytes of the range, and how many it has there.
        id: of the chunk.
    """

    value: bytes
    size: int
    start: int
    stored: int
    id: bytes


Unpack = Callable[[Buffer, list[Small]], list[str | None]]
"""Takes the small files of a range, in any thread: for each what is wrong with it, or None. What it raises ends the run."""

Failed = Callable[[PackedFile, RemoteError], None]
"""Told that a file will not be whole, and why; maybe more than once for one file."""


class _Wanted(NamedTuple):
    file: PackedFile
    offset: int
    chunk: ChunkPlace


class _Run:
    """A range of one pack, and what is wanted of it."""

    def __init__(self, first: _Wanted) -> None:
        self.start = self.end = first.chunk.offset
        self.wanted: list[_Wanted] = []
        self.add(first)

    def takes(self, chunk: ChunkPlace) -> bool:
        """Whether a chunk lies within the range or a little behind it."""
        end = max(self.end, chunk.offset + chunk.stored)
        return self.start <= chunk.offset <= self.end + GAP and end - self.start <= RANGE

    def add(self, wanted: _Wanted) -> None:
        self.wanted.append(wanted)
        self.end = max(self.end, wanted.chunk.offset + wanted.chunk.stored)


class _Lost(NamedTuple):
    """A file of which a chunk did not come."""

    file: PackedFile
    error: RemoteError


_Found = list[Piece | _Lost]


def read_files(
    remote: Remote,
    packs: Sequence[PackRef],
    files: Iterable[PackedFile],
    *,
    jobs: int = 4,
    failed: Failed | None = None,
    unpack: Unpack | None = None,
) -> Generator[Piece, None, None]:
    """The contents of files of one manifest.

    Args:
        remote: the driver.
        packs: of the manifest.
        files: of the manifest, by path.
        jobs: ranges fetched at once.
        failed: told of files that a missing or damaged pack concerns, and the others go on; None: it is raised.
        unpack: given files of one chunk instead of the caller.

    Raises:
        ObjectMissing: a pack is gone; read the manifest again for what has not come.
        ContentMismatch: a chunk has other bytes than its id names.
        RemoteError: as the remote answered.
    """
    waiting: deque[Future[_Found]] = deque()
    pool = ThreadPoolExecutor(jobs, "vfs-packs")
    try:
        for run in _runs(files):
            if isinstance(run, PackedFile):
                yield Piece(run, 0, b"")
                continue
            waiting.append(pool.submit(_fetch, remote, packs, run, unpack))
            if len(waiting) > jobs:
                yield from _whole(waiting.popleft().result(), failed)
        while waiting:
            yield from _whole(waiting.popleft().result(), failed)
    finally:
        pool.shutdown(cancel_futures=True)


def _runs(files: Iterable[PackedFile]) -> Iterator[_Run | PackedFile]:
    """Ranges that cover the chunks of files, one open per pack; files without a chunk as they are."""
    runs: dict[int, _Run] = {}
    for file in files:
        if not file.chunks:
            yield file
        offset = 0
        for chunk in file.chunks:
            wanted = _Wanted(file, offset, chunk)
            offset += chunk.plain
            run = runs.get(chunk.pack)
            if run is not None and run.takes(chunk):
                run.add(wanted)
                continue
            if run is not None:
                yield runs.pop(chunk.pack)
            elif len(runs) >= OPEN_RUNS:
                yield runs.pop(next(iter(runs)))
            runs[chunk.pack] = _Run(wanted)
    yield from runs.values()


def _whole(found: Iterable[Piece | _Lost], failed: Failed | None) -> Iterator[Piece]:
    for one in found:
        if isinstance(one, Piece):
            yield one
        elif failed is None:
            raise one.error
        else:
            failed(one.file, one.error)


def _fetch(remote: Remote, packs: Sequence[PackRef], run: _Run, unpack: Unpack | None) -> _Found:
    pack = packs[run.wanted[0].chunk.pack]
    length = run.end - run.start
    try:
        data = read_body(remote.get(pack.key, run.start, length), length)
    except (ObjectMissing, ContentMismatch) as error:
        return [_Lost(wanted.file, error) for wanted in run.wanted]
    where = f"{remote.url}: {pack.key}"
    if unpack is None:
        return _opened(run, run.wanted, data, where)
    whole = [wanted for wanted in run.wanted if len(wanted.file.chunks) == 1]
    parts = [wanted for wanted in run.wanted if len(wanted.file.chunks) > 1]
    smalls = [
        Small(file.value, file.size, chunk.offset - run.start, chunk.stored, chunk.id)
        for file, _, chunk in whole
    ]
    wrong = zip(whole, unpack(data, smalls), strict=True)
    lost = [_Lost(w.file, ContentMismatch(f"{where}: {why}")) for w, why in wrong if why]
    return _opened(run, parts, data, where) + lost


def _opened(run: _Run, some: Iterable[_Wanted], data: Buffer, where: str) -> _Found:
    """Pieces out of the bytes of a range."""
    opener = Decompressor()
    found: _Found = []
    for file, offset, chunk in some:
        try:
            plain = chunk_in(
                data, chunk.offset - run.start, chunk.stored, chunk.id, chunk.plain, opener
            )
            found.append(Piece(file, offset, plain))
        except FormatError as error:
            found.append(_Lost(file, ContentMismatch(f"{where}: {error.message}")))
    return found


def chunk_in(
    data: Buffer, start: int, stored: int, id_: bytes, plain: int, opener: Decompressor
) -> Buffer:
    """The content of a chunk that lies in the bytes of a range. Raises FormatError: it is not what its id names, or is cut."""
    part = memoryview(data)[start : start + stored]
    if len(part) < stored:
        raise FormatError(f"it ends before a chunk at {start} of a range")
    return open_chunk(part, id_, plain, opener)
