"""What a fork does to the environments of a process: transactions end before it, and the child's copies are dead.

Known in py-lmdb: closing waits until no thread is in the environment. In a child the threads that were are gone, so it would
wait for ever.

Rule: a fork waits for transactions as a resize of the map does. If one hangs, the child's copy stays open; it is dead all the
same, but the child cannot open that directory for itself.
"""

import os
import threading
import weakref
from contextlib import suppress
from typing import Protocol

from vfs.lmdb.gate import Gate
from vfs.lmdb.orders import Busy


class Forked(Protocol):
    """An environment."""

    gate: Gate

    def abandon(self, *, close: bool) -> None:
        """In a forked child: let go of the parent's environment; close it if nothing was going on in it."""


LIVE: "weakref.WeakSet[Forked]" = weakref.WeakSet()
"""Those that are open."""


class _Quiet(threading.local):
    """Those that this thread has shut for its fork, and their gates, which the child's copies do not keep."""

    def __init__(self) -> None:
        self.shut: list[tuple[Forked, Gate]] = []


_quiet = _Quiet()


def _before() -> None:
    _quiet.shut = []
    for environment in list(LIVE):
        gate = environment.gate
        with suppress(Busy):
            gate.shut()
            _quiet.shut.append((environment, gate))


def _in_parent() -> None:
    for _, gate in _quiet.shut:
        gate.open()
    _quiet.shut = []


def _in_child() -> None:
    quiet = [environment for environment, _ in _quiet.shut]
    for environment in list(LIVE):
        environment.abandon(close=any(environment is one for one in quiet))
    LIVE.clear()
    _quiet.shut = []


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
