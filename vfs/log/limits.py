"""No kind of record fills the log: of each at most so many a minute, then one line that tells how many were left out.

A kind is a logger, a level, and a message before its values are put in (with the class of error that it tells of). Only what helps to look for a bug
(`DEBUG`) is not limited, since who asked for it wants all.
"""

import logging
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

PER_MINUTE: Final = 100
"""Records of one kind; as many as a mount lists problems of a snapshot when it begins."""

WINDOW: Final = 60.0

_KINDS: Final = 1000
"""Kinds that are counted; the one that began longest ago goes first."""

_SUMMARY: Final = "vfs_summary"


class _Kind(NamedTuple):
    logger: str
    level: int
    message: str
    error: str


class _Window:
    __slots__ = ("began", "left_out", "passed")

    def __init__(self, began: float) -> None:
        self.began = began
        self.passed = 0
        self.left_out = 0


class RateLimit(logging.Filter):
    """See the module; any thread.

    Args of the constructor:
        emit: given the lines that tell what was left out.
        limit: records of a kind in a window.
        window: seconds.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        emit: Callable[[logging.LogRecord], None],
        *,
        limit: int = PER_MINUTE,
        window: float = WINDOW,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.counted: defaultdict[str, int] = defaultdict(int)
        self._emit = emit
        self._limit = limit
        self._window = window
        self._clock = clock
        self._windows: OrderedDict[_Kind, _Window] = OrderedDict()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record may be written; counts warnings and errors, written or not."""
        if record.levelno < logging.INFO or hasattr(record, _SUMMARY):
            return True
        self.settle()
        kind = _kind(record)
        with self._lock:
            if record.levelno >= logging.WARNING:
                self.counted[record.levelname.lower()] += 1
            window = self._windows.get(kind)
            if window is None:
                window = self._windows[kind] = _Window(self._clock())
                evicted = len(self._windows) > _KINDS and self._windows.popitem(last=False)
            else:
                evicted = False
            passes = window.passed < self._limit
            window.passed += passes
            window.left_out += not passes
        if evicted:
            self._tell([evicted])
        return passes

    def settle(self, *, all_of_them: bool = False) -> None:
        """Tell what was left out of windows that are over; now and then, and at the end of all of them."""
        with self._lock:
            over = list(self._over(all_of_them))
        self._tell(over)

    def _over(self, all_of_them: bool) -> Iterator[tuple[_Kind, _Window]]:
        """Windows are in the order in which they began, so the first one that is not over ends the look."""
        before = self._clock() - self._window
        while self._windows:
            kind, window = next(iter(self._windows.items()))
            if not all_of_them and window.began > before:
                return
            del self._windows[kind]
            yield kind, window

    def _tell(self, over: list[tuple[_Kind, _Window]]) -> None:
        for kind, window in over:
            if window.left_out:
                text = "left out %d more like: %s"
                record = logging.LogRecord(
                    kind.logger, kind.level, "", 0, text, (window.left_out, kind.message), None
                )
                setattr(record, _SUMMARY, True)
                self._emit(record)


def _kind(record: logging.LogRecord) -> _Kind:
    args = record.args if isinstance(record.args, tuple) else ()
    errors = [type(arg).__name__ for arg in args if isinstance(arg, BaseException)]
    return _Kind(record.name, record.levelno, str(record.msg)[:200], " ".join(errors))
