"""`Flows`: the blobs that are being read in order now, among which read-ahead shares the byte budget.

Rules: a blob counts from a read that confirms a stream until its last bytes have been asked for, its file is closed, or it
has not been read for `STALE_SECONDS`. Loop only; no awaits.
"""

from collections import OrderedDict
from typing import Final

from vfs.transfer.state import BlobState

STALE_SECONDS: Final = 30.0
"""A reader that computes for longer than this between two reads starts its window anew."""


class Flows:
    """See the module. Times are trio's, seconds."""

    def __init__(self) -> None:
        self._states: OrderedDict[bytes, tuple[BlobState, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def get(self, prefix: bytes) -> BlobState | None:
        """The blob of that key, if it flows."""
        found = self._states.get(prefix)
        return None if found is None else found[0]

    def note(self, state: BlobState, now: float) -> None:
        """A blob was read: count it or not, and forget those nobody has read for long."""
        if state.streams.flowing:
            self._states[state.prefix] = (state, now)
            self._states.move_to_end(state.prefix)
        else:
            self._states.pop(state.prefix, None)
        self.expire(now)

    def expire(self, now: float) -> None:
        """Forget what has not been read for long."""
        while self._states:
            prefix, (_, used) = next(iter(self._states.items()))
            if now - used < STALE_SECONDS:
                return
            del self._states[prefix]

    def drop(self, prefix: bytes) -> None:
        """Nobody reads this blob any more."""
        self._states.pop(prefix, None)
