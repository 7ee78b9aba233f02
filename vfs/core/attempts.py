"""Failed attempts that are going to be repeated, told to whoever waits for the outcome.

Rule: a listener belongs to the context (`contextvars`) of the thread that makes the attempts; it returns at once and
raises nothing. So the ends need not know each other, nor does anything between them.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

from vfs.errors import VfsError

LISTENER: Final[ContextVar[Callable[[VfsError], None] | None]] = ContextVar(
    "attempts", default=None
)
"""Called with the reason of each failed attempt."""


def attempt_failed(error: VfsError) -> None:
    """Tell the listener of this context, if there is one."""
    listener = LISTENER.get()
    if listener is not None:
        listener(error)
