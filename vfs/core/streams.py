"""Which bytes to fetch ahead of the readers of one content.

Purpose: several readers may walk through one content at once (threads over an mmap, the tensors of a safetensors file).
Each walk is a *stream*: where its next byte is expected, up to where bytes have been asked for, how large its window is.

Rules:
  * A read that meets no stream starts one. It causes no read-ahead, so random access costs exactly what it asks for, unless the last
    streams tell how far this one will go, or where the next will begin (`vfs.core.runs`).
  * While all of them end after about one length, what is asked for ends there too.
  * A read that goes on where a stream stands (at its position or up to 64 KiB beyond, or four times its own length if that is less: in a file of some hundred
    blocks much lies near by chance) confirms it; from then on it has a window of `initial`. Reading the same bytes again does not.
  * A confirmed stream tolerates skips: `forward` beyond its position (or anywhere in what was asked for), `back` behind.
  * The window doubles when a read had to wait (`stalled`) after the bytes of the previous growth were used up. So one
    burst of parallel reads doubles it once, and a reader that never waits keeps the window that serves it.
  * More is asked for when less than half a window lies ahead; then up to a whole window, never beyond `ceiling`.
  * A table keeps `streams` streams; the one used longest ago makes room.

Invariants: no clock, no I/O. A stream never asks for a byte twice. What a stream has asked for ends at most `ceiling`
(of that call) beyond its position, and never beyond the content. All units are bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vfs.core.runs import RUNS, Strides, merged, regular, typical

KIB: Final = 1024
MIB: Final = 1024 * KIB

NEAR_LENGTHS: Final = 4
"""Lengths of a read that it may be from where a new stream stands to confirm it."""

NOTHING: Final[Sequence[range]] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """How streams are recognised and how far ahead they go.

    Attributes:
        initial: first window; four kernel requests of 256 KiB.
        maximum: largest window: covers 1 GB/s at 60 ms.
        onward: how far beyond the expected place a read may be to confirm a new stream.
        near: how far before it a read may be that belongs to a new stream; kernel requests come out of order.
        forward: skip tolerated by a confirmed stream beyond its position.
        back: how far behind its position a read still belongs to a stream; kernel requests come out of order.
        streams: streams remembered per content.
    """

    initial: int = MIB
    maximum: int = 64 * MIB
    onward: int = 64 * KIB
    near: int = 256 * KIB
    forward: int = MIB
    back: int = MIB
    streams: int = 16


DEFAULT_POLICY: Final = Policy()


@dataclass(slots=True, eq=False)
class Stream:
    """One walk through a content.

    Attributes:
        start: the first byte read.
        position: the byte after the furthest one read.
        ahead: bytes before this one have been read or asked for; never below `position` after an observation.
        window: how far ahead of the position to ask; 0 until the stream is confirmed.
        grows_at: the window may double again once a read reaches this offset.
        used: number of the observation that last belonged here.
        end: where it is thought to end; until it goes beyond, nothing behind is asked for.
    """

    start: int
    position: int
    ahead: int
    window: int
    grows_at: int
    used: int
    end: int


class StreamTable:
    """The streams of one content."""

    __slots__ = ("_count", "_policy", "_size", "_streams", "_strides")

    def __init__(self, size: int, policy: Policy = DEFAULT_POLICY) -> None:
        self._size = size
        self._policy = policy
        self._streams: list[Stream] = []  # in the order of their beginning
        self._strides = Strides()
        self._count = 0

    def observe(self, offset: int, length: int, *, stalled: bool, ceiling: int) -> Sequence[range]:
        """Take note of a read and say which bytes to fetch ahead, beyond those of the read itself.

        Args:
            offset: first byte read, within the content.
            length: bytes read, at least 1.
            stalled: whether its bytes were not at hand.
            ceiling: most bytes ahead of the position, for now.

        Returns:
            Ranges of bytes in ascending order, none of them empty.
        """
        self._count += 1
        end = min(offset + length, self._size)
        stream = self._find(offset, min(self._policy.onward, NEAR_LENGTHS * length))
        if stream is None:
            return self._start(offset, end, ceiling)
        stream.used = self._count
        if offset < stream.start:
            stream.start = offset
        if not stream.window and offset < stream.position:
            stream.position = max(stream.position, end)
            return NOTHING
        self._grow(stream, offset, stalled)
        stream.position = max(stream.position, end)
        return self._extend(stream, ceiling)

    @property
    def flowing(self) -> bool:
        """Whether any stream is confirmed and has bytes left to ask for, or the next are known."""
        return self._strides.steady or any(s.window and s.ahead < self._size for s in self._streams)

    @property
    def backwards(self) -> bool:
        """Whether runs follow each other from the end to the start."""
        return self._strides.steady and self._strides.width < 0

    def retract(self, start: int) -> None:
        """Bytes from `start` that were said to be asked for never were (or failed): they may be asked for again."""
        for stream in self._streams:
            if stream.ahead > start:
                stream.ahead = max(start, stream.position)

    def _find(self, offset: int, near: int) -> Stream | None:
        """The stream a read belongs to: the one whose position is nearest, among those that would have it; `near` it, if it is new."""
        best: Stream | None = None
        for stream in self._streams:
            if self._belongs(stream, offset, near) and (
                best is None or abs(stream.position - offset) < abs(best.position - offset)
            ):
                best = stream
        return best

    def _belongs(self, stream: Stream, offset: int, near: int) -> bool:
        policy = self._policy
        if not stream.window:
            return -policy.near <= offset - stream.position <= near
        reach = max(stream.position + policy.forward, stream.ahead)
        return offset >= stream.position - policy.back and offset <= reach

    def _start(self, offset: int, end: int, ceiling: int) -> Sequence[range]:
        """A stream begins; what those before tell of it, and of those that follow, is asked for."""
        last = self._streams[-RUNS:]
        lengths = [s.position - s.start for s in last]
        length = max(typical(lengths, sum(s.ahead - s.position for s in last)), end - offset)
        foretold = self._strides.begin(offset)
        stop = min(offset + length, max(end, end + ceiling), self._size)
        limit = stop if regular(lengths) else self._size
        if len(self._streams) >= self._policy.streams:
            self._streams.remove(min(self._streams, key=lambda s: s.used))
        self._streams.append(Stream(offset, end, stop, 0, end, self._count, limit))
        own = NOTHING if foretold else (range(end, stop),)
        following = self._strides.ahead(length, self._size, ceiling)
        return merged((*own, *following)) if stop > end or following else NOTHING

    def _grow(self, stream: Stream, offset: int, stalled: bool) -> None:
        if not stream.window:
            stream.window = self._policy.initial
            stream.grows_at = stream.position + stream.window
        elif stalled and offset >= stream.grows_at:
            stream.window = min(2 * stream.window, self._policy.maximum)
            stream.grows_at = max(offset, stream.position) + stream.window

    def _extend(self, stream: Stream, ceiling: int) -> Sequence[range]:
        window = min(stream.window, ceiling)
        position = stream.position
        start = max(stream.ahead, position)
        stream.ahead = start
        stop = min(position + window, stream.end if position <= stream.end else self._size)
        if stop <= start or (start - position) * 2 > window:
            return NOTHING
        stream.ahead = stop
        return (range(start, stop),)
