"""INTERRUPT: whether a request that waits should end because a signal came to whoever made it.

The kernel interrupts a request at any signal. A read of a regular file is not disturbed by a timer's or a child's signal, nor by those with which
the Go runtime preempts, and programs do not expect EINTR of it. So the pending signals of the caller decide. A signal whose default ends the process is
SIGKILL for each of its threads by then.

A caller in another process namespace cannot be looked at, and where another process made the mount, the numbers are those of that one's namespace. Whether
such a caller is to end, nobody can say: it is let go if its request takes long.

Source: `proc_pid_status(5)`, `signal(7)`; `complete_signal` of Linux.
"""

import signal
from pathlib import Path
from typing import Final

import trio

ENDING: Final = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
"""What asks a program to end."""

AGAIN_SECONDS: Final = 0.5
"""How often an interrupted caller is looked at again: the kernel interrupts a request once."""

UNSEEN_SECONDS: Final = 2.0
"""How long a request of a caller that cannot be looked at goes on after a signal: longer than most wait, shorter than who kills a program does."""

_ENDING_MASK: Final = sum(1 << number - 1 for number in ENDING)
_PENDING: Final = ("SigPnd:", "ShdPnd:")


def asks_to_end(status: str) -> bool:
    """Whether a signal is pending that asks a thread to end, by its `/proc/PID/status`."""
    pending = 0
    for line in status.splitlines():
        if line.startswith(_PENDING):
            pending |= int(line.split()[1], 16)
    return bool(pending & _ENDING_MASK)


def _is_to_end(thread: int) -> bool | None:
    """None if it cannot be looked at: it still waits, so it is in a namespace that we do not see."""
    try:
        return asks_to_end(Path(f"/proc/{thread}/status").read_text("utf-8", "replace"))
    except (OSError, ValueError, IndexError):
        return None


class Waiting:
    """The requests that wait, each with what ends its waiting.

    The kernel numbers no two alike. If it did, the later one could be interrupted, and both be answered.
    """

    def __init__(self, *, seen: bool) -> None:
        """`seen`: callers are numbered as in this process's namespace."""
        self._seen = seen
        self._scopes: dict[int, tuple[trio.CancelScope, int]] = {}

    def __len__(self) -> int:
        return len(self._scopes)

    def begin(self, unique: int, caller: int) -> trio.CancelScope:
        """A request begins to wait; cancelling the scope ends that."""
        scope = trio.CancelScope()
        self._scopes[unique] = scope, caller
        return scope

    def end(self, unique: int, scope: trio.CancelScope) -> None:
        """It does not wait any more."""
        if (found := self._scopes.get(unique)) is not None and found[0] is scope:
            del self._scopes[unique]

    def holds(self, unique: int) -> bool:
        """Whether a request waits; one that does not was answered already."""
        return unique in self._scopes

    async def interrupt(self, unique: int) -> None:
        """A signal came to the caller of a request: end its waiting as soon as one asks the caller to end."""
        until = trio.current_time() + UNSEEN_SECONDS
        while (found := self._scopes.get(unique)) is not None:
            scope, caller = found
            ends = _is_to_end(caller) if self._seen else None
            if ends or (ends is None and trio.current_time() >= until):
                scope.cancel()
                return
            await trio.sleep(AGAIN_SECONDS)
