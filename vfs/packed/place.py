"""A file of a manifest as a place that gives ranges of it (it fits `vfs.transfer.Place`).

Rules: every chunk is checked against its id before a byte of it is given. Short runs of chunks come through windows that
all places of a remote share, longer ones are streamed with one GET per run. Memory: one chunk per body, and the
edges of ranges, which the next range begins with. A chunk in which one range ends and another, which is fetched at the same time, begins comes once:
with the latter, whose first bytes it holds (`Edges`); who ends in it takes it from there, and asks for it if that has not begun by then.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from vfs.core.windows import WINDOW, Reach, alone
from vfs.errors import ContentMismatch, FormatError, ObjectChanged, ObjectMissing, RemoteUnavailable
from vfs.formats.manifest_blocks import ChunkPlace
from vfs.formats.packs import PackRef, open_chunk
from vfs.formats.zstd import Buffer, Decompressor
from vfs.packed.edges import Edges
from vfs.packed.windows import Windows
from vfs.remotes import Body, Remote
from vfs.remotes.base import ClosingBody, Writable


class Located:
    """A content on a packed remote.

    Attributes:
        packs: what the chunks' numbers mean.
        chunks: in order.
        ends: where each chunk ends in the content.
        reach: of a content of one chunk, what lies behind it in its pack.
    """

    def __init__(
        self, packs: Sequence[PackRef], chunks: Sequence[ChunkPlace], reach: Reach = alone
    ) -> None:
        self.packs = packs
        self.chunks = chunks
        self.reach = reach
        self.ends = list(accumulate(chunk.plain for chunk in chunks))

    @cached_property
    def version(self) -> str:
        """Names its bytes: those of the chunks' names, wherever they lie."""
        return blake3(b"".join(chunk.id for chunk in self.chunks)).hexdigest(length=16)


class PackReader:
    """Reads chunks of one remote; shared by its places.

    Args:
        remote: the driver.
        directory: where windows may be kept.
    """

    def __init__(self, remote: Remote, directory: Path) -> None:
        self.remote = remote
        self.windows = Windows(remote, directory)
        self.edges = Edges()

    def close(self) -> None:
        """Give the disk back."""
        self.windows.close()


class PackedPlace:
    """One content on a packed remote.

    Args:
        reader: of the remote.
        label: name of the remote, without credentials.
        located: where its chunks are.
        relocate: finds them again after a pack was gone (the manifest was replaced); None if there is nothing newer.
    """

    local = False

    def __init__(
        self,
        reader: PackReader,
        label: str,
        located: Located,
        relocate: Callable[[], Located | None] = lambda: None,
    ) -> None:
        self.label = label
        self.where = f"{label} ({reader.remote.url}, packed)"
        self._reader = reader
        self._located = located
        self._relocate = relocate

    def open_file(self) -> int | None:
        """It is elsewhere."""
        return None

    def is_here(self) -> bool:
        """It is elsewhere."""
        return False

    def get(self, start: int, length: int, *, etag: str = "") -> Body:
        """A range; nothing is asked before the first read.

        Args:
            start: first byte.
            length: bytes.
            etag: the chunks must be those of this version (`Located.version`).

        Raises:
            ObjectChanged: they are others: another manifest names the content.
        """
        if etag not in ("", self._located.version):
            raise _changed(self.where)
        return _PackedBody(self._reader, self._located, start, length, self._again)

    def _again(self) -> Located | None:
        located = self._relocate()
        if located is not None:
            self._located = located
        return located


def _changed(where: str) -> ObjectChanged:
    return ObjectChanged(f"{where}: the manifest that names it now says other chunks")


class Part(NamedTuple):
    """A chunk, and which of its bytes are wanted."""

    chunk: ChunkPlace
    first: int
    stop: int

    @property
    def whole(self) -> bool:
        """Whether all of it is."""
        return self.stop - self.first == self.chunk.plain


class _PackedBody(ClosingBody):
    """Bytes of a range, chunk by chunk.

    Attributes:
        size: of the whole content.
        etag: `Located.version`.
        followed: whether what lies behind the range is being fetched as well; to be set before the first read.
    """

    def __init__(
        self,
        reader: PackReader,
        located: Located,
        start: int,
        length: int,
        again: Callable[[], Located | None],
    ) -> None:
        self.size = located.ends[-1] if located.ends else 0
        self.etag = located.version
        self.followed: Callable[[], bool] = lambda: False
        self._reader = reader
        self._again = again
        self._end = start + length
        self._position = start
        self._rest = memoryview(b"")
        self._pieces: Iterator[Buffer] = self._chunks(located)
        self._stream: Body | None = None
        self._closed = False
        self._first = next(
            (p.chunk.id for p in parts_of(located, start, self._end) if p.first), b""
        )
        if self._first:
            reader.edges.begin(self._first)

    def readinto(self, buffer: Writable, /) -> int:
        """As `Body.readinto`.

        Raises:
            ContentMismatch: a chunk has other bytes than its id names.
            ObjectMissing, RemoteError: as the remote answered.
        """
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._position += count
        return count

    def close(self) -> None:
        """As `Body.close`."""
        self._closed = True
        self._reader.edges.leave(self._first)
        self._first = b""
        self._pieces = _closed(
            self._reader.remote.url
        )  # those there were hold this body, and so the reader
        stream = self._stream
        if stream is not None:
            stream.close()

    def _chunks(self, located: Located) -> Iterator[Buffer]:
        try:
            yield from self._read(located)
        except ObjectMissing:
            newer = self._again()
            if newer is None:
                raise
            if newer.version != self.etag:
                raise _changed(self._reader.remote.url) from None
            yield from self._read(newer)

    def _read(self, located: Located) -> Iterator[Buffer]:
        parts = list(parts_of(located, self._position, self._end))
        shared = len(parts) > 1 and parts[-1].stop < parts[-1].chunk.plain and self.followed()
        last = parts.pop() if shared else None
        for run in runs_of(iter(parts)):
            while run and (known := self._reader.edges.get(run[0].chunk.id)) is not None:
                part = run.pop(0)
                yield memoryview(known)[part.first : part.stop]
            if not run:
                continue
            self._check_open()
            pack = located.packs[run[0].chunk.pack]
            start, length = extent_of(run)
            if length <= WINDOW:
                yield from self._from_window(pack, run, located.reach)
            else:
                yield from self._streamed(pack, run, start, length)
        if last is not None:
            known = self._reader.edges.wait(last.chunk.id, lambda: self._closed)
            self._check_open()
            if known is not None:
                yield memoryview(known)[: last.stop]
            else:
                yield from self._streamed(
                    located.packs[last.chunk.pack], [last], *extent_of([last])
                )

    def _check_open(self) -> None:
        if self._closed:
            next(_closed(self._reader.remote.url))

    def _from_window(self, pack: PackRef, run: list[Part], reach: Reach) -> Iterator[Buffer]:
        windows, (start, length) = self._reader.windows, extent_of(run)
        data = windows.read(pack, start, length, reach)
        try:
            pieces = [self._opened(part, data[part.chunk.offset - start :]) for part in run]
        except ContentMismatch:  # the window lay on a disk: once more
            windows.drop(pack, start, length)
            data = windows.read(pack, start, length, reach)
            pieces = [self._opened(part, data[part.chunk.offset - start :]) for part in run]
        yield from pieces

    def _streamed(
        self, pack: PackRef, run: list[Part], start: int, length: int
    ) -> Iterator[Buffer]:
        with closing(self._reader.remote.get(pack.key, start, length)) as stream:
            self._stream = stream
            self._check_open()
            for part in run:
                data = read_exactly(stream, part.chunk.stored, pack)
                yield self._opened(part, data)
            self._stream = None

    def _opened(self, part: Part, data: Buffer) -> Buffer:
        chunk = part.chunk
        try:
            plain = open_chunk(data[: chunk.stored], chunk.id, chunk.plain, Decompressor())
        except FormatError as error:
            raise ContentMismatch(f"{self._reader.remote.url}: {error.message}") from error
        if not part.whole:
            self._reader.edges.keep(chunk.id, plain)
        return memoryview(plain)[part.first : part.stop]


def _closed(url: str) -> Iterator[Buffer]:
    raise RemoteUnavailable(f"{url}: closed while it was read")
    yield b""


def read_exactly(stream: Body, length: int, pack: PackRef) -> bytearray:
    """The next bytes of a body, which goes on.

    Raises:
        ContentMismatch: it ended before.
    """
    data = bytearray(length)
    view = memoryview(data)
    done = 0
    while done < length:
        count = stream.readinto(view[done:])
        if not count:
            raise ContentMismatch(f"{pack.key} ends inside a chunk")
        done += count
    return data


def parts_of(located: Located, start: int, end: int) -> Iterator[Part]:
    """The chunks that hold bytes [start, end) of a content."""
    for number in range(bisect_right(located.ends, start), len(located.ends)):
        chunk = located.chunks[number]
        position = located.ends[number] - chunk.plain
        if position >= end:
            return
        yield Part(chunk, max(0, start - position), min(chunk.plain, end - position))


def extent_of(run: list[Part]) -> tuple[int, int]:
    """Where parts that lie back to back begin in their pack, and their length."""
    start, last = run[0].chunk.offset, run[-1].chunk
    return start, last.offset + last.stored - start


def runs_of(parts: Iterator[Part]) -> Iterator[list[Part]]:
    """Parts whose chunks lie back to back in one pack."""
    run: list[Part] = []
    for part in parts:
        if run:
            last = run[-1].chunk
            if part.chunk.pack != last.pack or part.chunk.offset != last.offset + last.stored:
                yield run
                run = []
        run.append(part)
    if run:
        yield run
