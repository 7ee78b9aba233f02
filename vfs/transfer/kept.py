"""`Kept`: which local files are open, so that no more descriptors are kept than the process can spare.

Rule: beyond that, those go first that nobody has read since the last time some had to go; they are opened again when they are read.
Thread-safe; a file that dies takes itself out without a lock, for it may die in any thread at any moment.
"""

import threading
import weakref
from typing import Final, Protocol

from vfs.descriptors import register, share

MOST_KEPT: Final = 4096


class Idle(Protocol):
    """What may be let go.

    Attributes:
        used: set by whoever reads it.
    """

    used: bool

    def let_go(self) -> None:
        """Close it; whoever reads at this moment closes it afterwards."""


class Kept:
    """See the module."""

    def __init__(self) -> None:
        self._files: dict[int, weakref.ref[Idle]] = {}  # by identity; the first has waited longest
        self._lock = threading.Lock()
        register(self)

    def __len__(self) -> int:
        return len(self._files)

    def note(self, file: Idle) -> None:
        """A file was opened."""
        with self._lock:
            self._files[id(file)] = weakref.ref(file)
            most = share(MOST_KEPT)
            if len(self._files) > most:
                self._thin(most - most // 8)

    def forget(self, file: Idle) -> None:
        """A file dies."""
        self._files.pop(id(file), None)

    def let_go(self) -> None:
        """Close all of them."""
        with self._lock:
            self._thin(0)

    def _thin(self, left: int) -> None:
        for spare_used in (left > 0, False):
            for key in list(self._files):
                if len(self._files) <= left:
                    return
                known = self._files.pop(key, None)
                file = None if known is None else known()
                if file is None or known is None:
                    continue
                if spare_used and file.used:
                    file.used = False
                    self._files[key] = known  # to the end
                else:
                    file.let_go()


KEPT: Final = Kept()
"""Of this process: the limit is its own."""
