"""Where large contents are cut: FastCDC (2020), by `pyfastcdc`.

Rule: a cut depends only on the bytes before it within one chunk, so an edit moves the cuts near it
and no others. The same bytes give the same cuts on every machine and version; the constants here
may change (older chunks are then merely not found again). Memory: two longest chunks.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from vfs.formats.zstd import Buffer

KIB = 1024


class Cuts(NamedTuple):
    """Sizes of chunks, in bytes; `average` is a power of two.

    Attributes:
        least: a content of at most that size is one chunk.
        average: what is aimed at.
        most: a chunk is cut here at the latest.
    """

    least: int
    average: int
    most: int


CUTS = Cuts(64 * KIB, 256 * KIB, 1024 * KIB)
_LARGE = 128 << 30


def cuts_for(size: int) -> Cuts:
    """The sizes for a content of `size` bytes: 256 KiB on average, more for those a manifest could not list otherwise."""
    if size < _LARGE:
        return CUTS
    factor = 4 if size < 8 * _LARGE else 16
    return Cuts(*(factor * each for each in CUTS))


def chunks(data: BinaryIO, cuts: Cuts) -> Iterator[Buffer]:
    """The chunks of a content, in order; a piece is valid until the next one is asked for.

    Raises:
        OSError: as reading `data` does.
    """
    head = data.read(cuts.least + 1)
    while 0 < len(head) <= cuts.least and (more := data.read(cuts.least + 1 - len(head))):
        head += more
    if len(head) <= cuts.least:
        if head:
            yield head
        return
    from pyfastcdc import FastCDC  # only for large contents

    cutter = FastCDC(cuts.average, min_size=cuts.least, max_size=cuts.most)
    for piece in cutter.cut_stream(_Again(head, data)):
        yield piece.data


class _Again(io.RawIOBase):
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._head = memoryview(head)
        self._rest = rest

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Fill the front of `buffer`; 0 at the end."""
        if self._head:
            count = min(len(buffer), len(self._head))
            buffer[:count] = self._head[:count]
            self._head = self._head[count:]
            return count
        data = self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
