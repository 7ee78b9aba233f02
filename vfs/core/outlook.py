"""What is known of the future use of contents, for eviction (`vfs.core.eviction`).

Rules:
  * Who reads in a known order says what comes; what it has passed counts as behind until somebody says again that it comes.
  * Contents are named by what the keys of their blocks begin with. Unknown ones are judged as ever: by whether they were used.
  * What is behind is remembered for the last `MOST_BEHIND` contents: older ones have left a cache that is short of room, or nothing is short.

Invariants: a content that several orders name comes as long as one of them says so. Changed by one thread; others may ask at any time.
"""

from collections import OrderedDict
from enum import IntEnum
from typing import Final

MOST_BEHIND: Final = 65_536


class Outlook(IntEnum):
    """What eviction may expect of a chunk."""

    UNKNOWN = 0
    COMING = 1
    BEHIND = 2


class Outlooks:
    """See the module."""

    __slots__ = ("_behind", "_coming", "_most")

    def __init__(self, most: int = MOST_BEHIND) -> None:
        self._coming: dict[bytes, int] = {}
        self._behind: OrderedDict[bytes, None] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._coming) + len(self._behind)

    def come(self, content: bytes) -> None:
        """An order names a content."""
        self._coming[content] = self._coming.get(content, 0) + 1
        self._behind.pop(content, None)

    def leave(self, content: bytes, *, behind: bool) -> None:
        """An order does not name it any more; `behind`: it was passed, and may go before what is not known."""
        left = self._coming.get(content, 0) - 1
        if left > 0:
            self._coming[content] = left
            return
        self._coming.pop(content, None)
        if behind:
            self._behind[content] = None
            self._behind.move_to_end(content)
            if len(self._behind) > self._most:
                self._behind.popitem(last=False)

    def of(self, content: bytes) -> Outlook:
        """What is known of a content; any thread."""
        if content in self._coming:
            return Outlook.COMING
        return Outlook.BEHIND if content in self._behind else Outlook.UNKNOWN
