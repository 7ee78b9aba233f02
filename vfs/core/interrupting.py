"""Long work in threads that ends when nobody wants its result any more: a signal reaches the main thread alone.

Rule: what is asked belongs to the context (`contextvars`) of the thread that wants the result; a pool that works for it takes it along
(`carried`). It is asked once for some hundred KiB, and raises.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_ASKED: Final[ContextVar[Callable[[], object] | None]] = ContextVar("interrupting", default=None)


def check() -> None:
    """Go on, or raise what ends the work."""
    asked = _ASKED.get()
    if asked is not None:
        asked()


@contextmanager
def interruptible(asked: Callable[[], object] | None) -> Iterator[None]:
    """What is done here, and by those who work for it, ends as soon as `asked` raises."""
    token = _ASKED.set(asked)
    try:
        yield
    finally:
        _ASKED.reset(token)


def carried(work: Callable[P, T]) -> Callable[P, T]:
    """The same work for another thread, ended as in this one."""
    asked = _ASKED.get()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with interruptible(asked):
            check()
            return work(*args, **kwargs)

    return work if asked is None else run
