"""Whether this process may ask anything of a remote.

Rule: whatever opens a connection (`workspace.connections`, Git's own in `git.command`) asks here first; so offline nothing is sent
to anybody, and what is not on this machine fails at once. A remote that is a directory is not asked either: it may be on a
network, and would be waited for. Thread-safe.
"""

import threading
from typing import Final

from vfs.errors import Offline

HINT: Final = (
    "`vfs offline off` lets a mount ask its remotes again; for commands, leave out --offline and look at VFS_OFFLINE and "
    "`transfer.offline`"
)
"""What to do about what is not here."""

_offline = threading.Event()


def go_offline() -> None:
    """From now on nothing is asked."""
    _offline.set()


def go_online() -> None:
    """Remotes may be asked (again)."""
    _offline.clear()


def is_offline() -> bool:
    """Whether nothing may be asked."""
    return _offline.is_set()


def refuse(what: str) -> None:
    """Before `what` is asked for.

    Raises:
        Offline: it may not be.
    """
    if _offline.is_set():
        raise Offline(f"{what} was not asked: vfs is offline here", hint=HINT)
