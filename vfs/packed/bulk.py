"""Many files at once: neighbouring chunks come with one ranged GET.

Rules: files are given in the order of their paths, which is the order in packs. Pieces come as their ranges arrive: those of one
file not necessarily in order, so a writer seeks. Every piece is checked against its id.
Memory: `jobs` + 1 ranges of `RANGE` bytes (or one chunk, if that is longer) and what they hold when decompressed.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from vfs.errors import ContentMismatch, FormatError
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


def read_files(
    remote: Remote, packs: Sequence[PackRef], files: Iterable[PackedFile], *, jobs: int = 4
) -> Iterator[Piece]:
    """The contents of files of one manifest.

    Args:
        remote: the driver.
        packs: of the manifest.
        files: of the manifest, by path.
        jobs: ranges fetched at once.

    Raises:
        ObjectMissing: a pack is gone; read the manifest again for what has not come.
        ContentMismatch: a chunk has other bytes than its id names.
        RemoteError: as the remote answered.
    """
    waiting: deque[Future[list[Piece]]] = deque()
    pool = ThreadPoolExecutor(jobs, "vfs-packs")
    try:
        for run in _runs(files):
            if isinstance(run, PackedFile):
                yield Piece(run, 0, b"")
                continue
            waiting.append(pool.submit(_fetch, remote, packs, run))
            if len(waiting) > jobs:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
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


def _fetch(remote: Remote, packs: Sequence[PackRef], run: _Run) -> list[Piece]:
    pack = packs[run.wanted[0].chunk.pack]
    length = run.end - run.start
    data = memoryview(read_body(remote.get(pack.key, run.start, length), length))
    if len(data) != length:
        raise ContentMismatch(f"{remote.url}: {pack.key} ends before {run.end}")
    opener = Decompressor()
    pieces = []
    for file, offset, chunk in run.wanted:
        stored = data[chunk.offset - run.start :][: chunk.stored]
        try:
            plain = open_chunk(stored, chunk.id, chunk.plain, opener)
        except FormatError as error:
            raise ContentMismatch(f"{remote.url}: {pack.key}: {error.message}") from error
        pieces.append(Piece(file, offset, plain))
    return pieces
