"""Many files at once: neighbouring chunks come with one ranged GET.

Rules: files are given in the order of their paths, which is the order in packs. Pieces come as their ranges arrive: those of one
file not necessarily in order, so a writer seeks. Every piece is checked against its id. What is done with small files may be done in
the threads of the ranges, so that many are hashed and written at once.
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


Take = Callable[[Piece], None]
"""Takes a whole file, in any thread; ContentMismatch concerns that file alone, other errors end the run."""

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


def read_files(
    remote: Remote,
    packs: Sequence[PackRef],
    files: Iterable[PackedFile],
    *,
    jobs: int = 4,
    failed: Failed | None = None,
    take: Take | None = None,
) -> Generator[Piece, None, None]:
    """The contents of files of one manifest.

    Args:
        remote: the driver.
        packs: of the manifest.
        files: of the manifest, by path.
        jobs: ranges fetched at once.
        failed: told of files that a missing or damaged pack concerns, and the others go on; None: it is raised.
        take: given files of one chunk instead of the caller.

    Raises:
        ObjectMissing: a pack is gone; read the manifest again for what has not come.
        ContentMismatch: a chunk has other bytes than its id names.
        RemoteError: as the remote answered.
    """
    waiting: deque[Future[list[Piece | _Lost]]] = deque()
    pool = ThreadPoolExecutor(jobs, "vfs-packs")
    try:
        for run in _runs(files):
            if isinstance(run, PackedFile):
                yield Piece(run, 0, b"")
                continue
            waiting.append(pool.submit(_fetch, remote, packs, run, take))
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


def _fetch(
    remote: Remote, packs: Sequence[PackRef], run: _Run, take: Take | None
) -> list[Piece | _Lost]:
    pack = packs[run.wanted[0].chunk.pack]
    length = run.end - run.start
    try:
        data = memoryview(read_body(remote.get(pack.key, run.start, length), length))
    except (ObjectMissing, ContentMismatch) as error:
        return [_Lost(wanted.file, error) for wanted in run.wanted]
    opener = Decompressor()
    found: list[Piece | _Lost] = []
    for file, offset, chunk in run.wanted:
        stored = data[chunk.offset - run.start :][: chunk.stored]
        try:
            if len(stored) < chunk.stored:
                raise ContentMismatch(f"{remote.url}: {pack.key} ends before {run.end}")
            piece = Piece(file, offset, open_chunk(stored, chunk.id, chunk.plain, opener))
            if take is not None and len(file.chunks) == 1:
                take(piece)
            else:
                found.append(piece)
        except FormatError as error:
            wrong = ContentMismatch(f"{remote.url}: {pack.key}: {error.message}")
            found.append(_Lost(file, wrong))
        except ContentMismatch as error:
            found.append(_Lost(file, error))
    return found
