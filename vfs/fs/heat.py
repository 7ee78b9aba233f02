"""Which files are read most, and which are waited for most, in the last seconds; for `vfs top`.

Rules:
  * Reads that are answered at once are counted only while somebody watches: `watched` is None otherwise, which is all that such a read looks at.
    Reads that wait are always counted: they have time.
  * Memory is bounded: what was counted is summed up (`vfs.core.heavy`) when it is asked for, or has `MOST_PENDING` keys.
  * A moment is forgotten after `SLICE_SECONDS` to twice that.

The event loop alone uses it. The kernel's page cache answers without us, so what it has is not counted.
"""

from collections import Counter, defaultdict
from typing import Final, NamedTuple

from vfs.core.heavy import HeavyHitters

SLICE_SECONDS: Final = 5.0
MOST_PENDING: Final = 4096
WATCH_SECONDS: Final = 30.0
"""Who has not asked for so long watches no more."""

_KEPT: Final = 256
_MICROSECOND: Final = 1_000_000


class Hot(NamedTuple):
    """A file that was read: its inode, bytes handed out, seconds waited, in the last `seconds` of `Heat.hottest`."""

    inode: int
    size: int
    waited: float


class _Slice:
    def __init__(self, began: float) -> None:
        self.began = began
        self.sizes: HeavyHitters[int] = HeavyHitters(_KEPT)
        self.waits: HeavyHitters[int] = HeavyHitters(_KEPT)


class Heat:
    """See the module.

    Attributes:
        watched: bytes by inode since they were last summed up; None if nobody watches.
    """

    def __init__(self) -> None:
        self.watched: defaultdict[int, int] | None = None
        self._waited: defaultdict[int, int] = defaultdict(int)
        self._slices = (_Slice(0.0), _Slice(0.0))
        self._asked = 0.0

    def overflow(self) -> None:
        """Sum up what was counted; to be called when `watched` has `MOST_PENDING` keys."""
        newest = self._slices[-1]
        if self.watched:
            newest.sizes.add(self.watched)
            self.watched.clear()
        if self._waited:
            newest.waits.add(self._waited)
            self._waited.clear()

    def waits(self, inode: int, seconds: float) -> None:
        """A read has waited."""
        self._waited[inode] += int(seconds * _MICROSECOND) + 1
        if len(self._waited) >= MOST_PENDING:
            self.overflow()

    def tick(self, now: float) -> None:
        """Forget what is old, and stop counting for nobody; now and then."""
        self.overflow()
        if now - self._slices[-1].began >= SLICE_SECONDS:
            self._slices = (self._slices[-1], _Slice(now))
        if now - self._asked > WATCH_SECONDS:
            self.watched = None

    def hottest(self, number: int, now: float) -> tuple[float, list[Hot]]:
        """Of how many last seconds it is told, and the files that were read and waited for most; whoever asks is a watcher from now on."""
        self._asked = now
        self.tick(now)
        if self.watched is None:
            self.watched = defaultdict(int)
            self._slices = (_Slice(now), self._slices[-1])
        sizes: Counter[int] = Counter()
        waits: Counter[int] = Counter()
        for one in self._slices:
            sizes.update(one.sizes.weights())
            waits.update(one.waits.weights())
        chosen = dict.fromkeys(key for key, _ in sizes.most_common(number))
        chosen |= dict.fromkeys(key for key, _ in waits.most_common(number))
        found = [Hot(key, sizes[key], waits[key] / _MICROSECOND) for key in chosen]
        seconds = now - self._slices[0].began
        return seconds, sorted(found, key=lambda hot: (hot.size, hot.waited), reverse=True)
