"""What ends a daemon that does not serve yet: a signal, or the end of the process that started it.

Rule: before the mount is made, the first word of it ends the process, which leaves nothing behind; from then on it is only noted, and
the event loop, which unmounts, looks at the note once it listens to signals itself.
"""

import os
import signal
import threading
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GRACE_SECONDS: Final = 5
"""How long threads that wait for a remote may keep a process that has nothing mounted; then SIGALRM ends it."""

HEARD: Final = b"\n"
"""What the process that started us says once it has heard that the mount can be used."""


class Ending:
    """Whether the daemon is to end.

    Attributes:
        wanted: somebody said so.
    """

    def __init__(self) -> None:
        """Listen to signals; in the main thread only."""
        self.wanted = False
        self._mounting = False
        for number in SIGNALS:
            signal.signal(number, self._told)

    def mounting(self) -> None:
        """The mount is about to be made: nothing but the event loop may end the process now."""
        self._mounting = True

    def _told(self, number: int, _: object) -> None:
        again, self.wanted = self.wanted, True
        if not self._mounting:
            signal.alarm(GRACE_SECONDS)
        if again or not self._mounting:
            raise SystemExit(128 + number)


def end_with(starter: int) -> None:
    """End this process, as SIGTERM does, when the one at the other end of `starter` ends before it said `HEARD`."""

    def watch() -> None:
        if os.read(starter, len(HEARD)) != HEARD:
            os.kill(os.getpid(), signal.SIGTERM)
        os.close(starter)

    threading.Thread(target=watch, name="vfs-starter", daemon=True).start()
