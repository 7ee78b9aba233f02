"""Which cached bytes to give up, and how many.

FIFO of segments with a second chance: the oldest segment goes first; what was used since it was
written is written again at the young end (CLOCK on a log). Where the order of reads is known, what comes stays before what was used, and
what is behind has no second chance.

Rule: decisions on numbers only; `vfs.store` does what is decided here.

Invariants:
- Dropping a segment frees at least half of it, or the segment is passed over: eviction always ends.
- A pinned chunk is never given up.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from vfs.core.outlook import Outlook

MIN_SEGMENT: Final = 1 << 20
MAX_SEGMENT: Final = 256 << 20
_SEGMENTS_PER_LIMIT: Final = 16
_ALIGNMENT: Final = 512


class Resident(NamedTuple):
    """A live chunk of a segment, as eviction sees it.

    Attributes:
        length: bytes it takes in the segment.
        touched: it was read since it was written there.
        pinned: somebody wants it kept whatever happens.
        outlook: whether somebody will read it soon, or has passed it.
    """

    length: int
    touched: bool
    pinned: bool
    outlook: Outlook = Outlook.UNKNOWN


def segment_capacity(limit: int) -> int:
    """Bytes after which a segment is full, for a store of at most `limit` bytes.

    A sixteenth of the limit, so that dropping one segment never empties a small store.
    """
    wanted = limit // _SEGMENTS_PER_LIMIT
    return max(MIN_SEGMENT, min(MAX_SEGMENT, wanted)) // _ALIGNMENT * _ALIGNMENT


def excess(*, total: int, limit: int, free: int, min_free: int, incoming: int) -> int:
    """Bytes that must go before `incoming` bytes may be added; 0 if there is room."""
    return max(0, total + incoming - limit, min_free + incoming - free)


def survivors(residents: Sequence[Resident], size: int) -> list[int] | None:
    """What to write again when a segment of `size` bytes on disk is dropped.

    Returns:
        Positions in `residents`, in their order: every pinned chunk, then those that come, then touched ones that are not behind, as long as
        no more than half of the segment is written again. None: pins alone hold more than half,
        so the segment should stay.
    """
    budget = size // 2 - sum(item.length for item in residents if item.pinned)
    if budget < 0:
        return None
    kept = [position for position, item in enumerate(residents) if item.pinned]
    for wanted in (_comes, _was_used):
        for position, item in enumerate(residents):
            if wanted(item) and item.length <= budget:
                budget -= item.length
                kept.append(position)
    return sorted(kept)


def _comes(item: Resident) -> bool:
    return item.outlook is Outlook.COMING and not item.pinned


def _was_used(item: Resident) -> bool:
    return item.touched and item.outlook is Outlook.UNKNOWN and not item.pinned
