"""`Cancel`: ends a request from another thread, also while its answer has not begun.

Rule: it belongs to the context (`contextvars`) of the thread that makes the request; whoever waits for a network there says
how the wait is ended (`waits`), so nothing in between needs to know. What was ended fails with an error as any broken
connection does; whoever cancelled knows better.
"""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final


class Cancel:
    """See the module; thread-safe.

    Attributes:
        fresh: the request goes over a connection of its own: one that was idle may hang as well.
        cancelled: nobody wants the answer.
    """

    __slots__ = ("_end", "_lock", "cancelled", "fresh")

    def __init__(self, *, fresh: bool = False) -> None:
        self.fresh = fresh
        self.cancelled = False
        self._end: Callable[[], object] | None = None
        self._lock = threading.Lock()

    def waits(self, end: Callable[[], object] | None) -> None:
        """From now on a wait is ended by calling `end`, which is at once if the request was cancelled; None: nothing waits."""
        with self._lock:
            self._end = end
            cancelled = self.cancelled
        if cancelled and end is not None:
            end()

    def cancel(self) -> None:
        """End the request, as soon as it waits."""
        with self._lock:
            self.cancelled = True
            end = self._end
        if end is not None:
            end()


CURRENT: Final[ContextVar[Cancel | None]] = ContextVar("cancel", default=None)
"""What ends the request of this context."""


def is_fresh() -> bool:
    """Whether the request of this context wants a connection of its own."""
    cancel = CURRENT.get()
    return cancel is not None and cancel.fresh


def is_cancelled() -> bool:
    """Whether nobody wants the answer to the request of this context."""
    cancel = CURRENT.get()
    return cancel is not None and cancel.cancelled
