"""How many files this process may have open, and letting go of those that are open only because they may be used again.

Rules:
- Whoever keeps descriptors for later takes a `share` of what the process may have at that moment, and registers how to let go of them.
- What cannot be opened for want of descriptors is tried once more when all of these were let go (`again`).

Thread-safe.
"""

import contextlib
import errno
import os
import re
import resource
import weakref
from collections.abc import Callable
from typing import Final, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MOST: Final = 1 << 20
"""A limit is raised to this at most: programs that we start may go through all numbers up to it."""

_GIVEN: Final = re.compile(r"/dev/fd/([0-9]{1,9})")

_SHORT: Final = (errno.EMFILE, errno.ENFILE)


class Descriptor:
    """An open file that closes itself when nobody holds it, so that no thread reads from a number that was given to another file."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.close(self.number)


def given(path: str | os.PathLike[str]) -> int | None:
    """The number in a path of the form `/dev/fd/N`: a descriptor that whoever started this process opened; None for any other path."""
    found = _GIVEN.fullmatch(os.fspath(path))
    return int(found[1]) if found else None


class Keeper(Protocol):
    """Whoever keeps descriptors that it can open again."""

    def let_go(self) -> None:
        """Close all that are not in use at this moment; called in any thread, and never waits for one."""


_keepers: "weakref.WeakSet[Keeper]" = weakref.WeakSet()


def register(keeper: Keeper) -> None:
    """From now on `keeper` is asked when there are too few, for as long as it lives."""
    _keepers.add(keeper)


class Reserve:
    """A few descriptors for what must work when all others are in use: the control socket, unmounting."""

    SIZE: Final = 16

    def __init__(self) -> None:
        self._spare: list[Descriptor] = []
        register(self)

    def refill(self) -> None:
        """Take back what was let go, as far as there is any."""
        with contextlib.suppress(OSError):
            while len(self._spare) < self.SIZE:
                self._spare.append(Descriptor(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)))

    def let_go(self) -> None:
        """Somebody needs them."""
        self._spare = []


def raise_limit() -> None:
    """Let this process, and what it starts, open as many files as it is allowed to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def share(most: int) -> int:
    """How many descriptors may be kept for one purpose: a quarter of what the process may have now, `most` at most."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else min(most, soft // 4)


def ran_short(error: OSError) -> bool:
    """Whether it was for want of descriptors; all that are kept were let go then, so it may be tried again."""
    if error.errno not in _SHORT:
        return False
    for keeper in list(_keepers):
        keeper.let_go()
    return True


def again(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what opens files, a second time if there were too few descriptors. Raises what it raises."""
    try:
        return function(*args, **kwargs)
    except OSError as error:
        if not ran_short(error):
            raise
    return function(*args, **kwargs)
