"""Failed attempts that are going to be repeated, told to whoever waits for the outcome.

Rule: a listener belongs to the context (`contextvars`) of the thread that makes the attempts; it returns at once,
raises nothing, and says True if nobody waits any more. So the ends need not know each other, nor does anything between them.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

from vfs.errors import VfsError

LISTENER: Final[ContextVar[Callable[[VfsError], object] | None]] = ContextVar(
    "attempts", default=None
)
"""Called with the reason of each failed attempt."""


def attempt_failed(error: VfsError) -> bool:
    """Tell the listener of this context, if there is one; whether it says that nobody waits any more."""
    listener = LISTENER.get()
    return listener is not None and listener(error) is True
