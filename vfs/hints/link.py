"""The thread that tells a daemon what comes, and hears how much more it wants to know.

Rules:
  * Nobody who trains ever waits for it: it alone talks to the daemon, and ends for good when that does not answer.
  * It holds nothing that holds it: what nobody wants any more is collected, and lets go of it, in whatever thread that happens, also in this one.
  * It belongs to the process that made it. A child that was forked closes its copy of the connection and says nothing.
  * The source of an order is pulled in this thread only if nobody iterates (`passive`): samplers share random state with their process.
"""

import os
import select
import socket
import threading
import time
import weakref
from contextlib import suppress
from typing import Any

from vfs.control.client import SILENCE_SECONDS, Talk
from vfs.control.protocol import Data
from vfs.control.registry import MountRecord
from vfs.errors import DaemonError, VfsError
from vfs.hints.feed import Feed

PORTION = 256 << 10
"""Characters of paths in one frame: a frame of JSON holds 1 MiB, and one character takes 6 bytes at worst."""

TELL_SECONDS = 0.05
"""How late the daemon may hear where readers are."""

_links: "weakref.WeakSet[Link]" = weakref.WeakSet()


class Link:
    """See the module.

    Args of the constructor:
        mount: whose daemon is told.
        wishes: the arguments of the verb `order`.
        step: positions that readers move on before the daemon is told at once.

    Raises (the constructor):
        DaemonError: it cannot be reached.

    Attributes:
        trouble: why it has ended, if it was not closed.
        news: there is something that whoever iterates should look at: trouble, or a path that is no file.
        told: what the daemon said last.
        until: up to which position it wants to be told of the epoch that is on.
        process: to which it belongs.
    """

    def __init__(self, mount: MountRecord, wishes: Data, step: int) -> None:
        self._talk = Talk(mount, "order", wishes)
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._step = step
        self._guard = threading.Lock()
        self._feed: Feed[Any] | None = None
        self._passive = False
        self._run = self._told_run = self._at = self._told_at = self._sent_at = 0
        self._heard = time.monotonic()
        self._closed = False
        self._files, self._trail = int(wishes["files"]), int(wishes["trail"])
        self.until = 0
        self.process = os.getpid()
        self.trouble: VfsError | OSError | None = None
        self.told: Data = {}
        self.news = False
        self._thread = threading.Thread(target=self._serve, name="vfs-hints", daemon=True)
        _links.add(self)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the daemon still listens to this process."""
        return not self._closed and self.trouble is None and self.process == os.getpid()

    def begin(self, feed: "Feed[Any]", *, passive: bool) -> None:
        """An epoch begins; positions count from 0 again."""
        with self._guard:
            self._feed, self._passive = feed, passive
            self._run += 1
            self._at = self._told_at = 0
            self.until = self._files
        self.wake()

    def take_over(self) -> None:
        """From now on somebody iterates, and pulls."""
        self._passive = False

    def move(self, position: int) -> None:
        """Readers have come to a position."""
        self._at = position
        if position - self._told_at >= self._step:
            self._told_at = position
            self.wake()

    def wake(self) -> None:
        """There is something to tell."""
        with suppress(OSError):
            self._wake.send(b"\0")

    def close(self) -> None:
        """End it; the daemon forgets the order."""
        if self.let_go() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def let_go(self) -> bool:
        """It is to end, and nobody waits for that; False if it was to end before, or is that of another process."""
        if self._closed or self.process != os.getpid():
            return False
        self._closed = True
        self.wake()
        return True

    def abandon(self) -> None:
        """In a forked child."""
        self._closed = True
        for end in (self._talk, self._wake, self._woken):
            with suppress(OSError):
                end.abandon() if isinstance(end, Talk) else end.close()

    # -- the thread --------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while not self._closed:
                self._exchange()
        except (VfsError, OSError) as error:
            if not self._closed:
                self.trouble = self._reason(error)
                self.news = True
        finally:
            self._talk.close()
            self._wake.close()
            self._woken.close()

    def _reason(self, error: VfsError | OSError) -> VfsError | OSError:
        """What the daemon said before it hung up, if that is why."""
        if isinstance(error, ConnectionError):
            try:
                while self._talk.hear() is not None:
                    pass
            except VfsError as said:
                return said
            except OSError:
                pass
        return error

    def _exchange(self) -> None:
        """Hear, then tell."""
        patience = TELL_SECONDS if self._at != self._sent_at else SILENCE_SECONDS
        ends: list[Talk | socket.socket] = [self._talk, self._woken]
        ready, _, _ = select.select(ends, [], [], patience)
        if self._woken in ready:
            self._woken.recv(4096)
        if self._talk in ready:
            heard = self._talk.hear()
            if heard is None:
                raise DaemonError("its mount has ended")
            self._heard = time.monotonic()
            for told in heard:
                self._take_in(told)
        elif time.monotonic() - self._heard > SILENCE_SECONDS:
            raise TimeoutError("it gives no sign of life")
        self._tell()

    def _take_in(self, told: Data) -> None:
        with self._guard:
            if told.get("run") != self._run:
                return
            self.news |= told.get("absent", 0) != self.told.get("absent", 0)
            self.told = told
            self.until = max(self.until, int(told["until"]))
            feed, passive = self._feed, self._passive
        if feed is not None and passive:
            feed.pass_position(int(told["at"]))

    def _tell(self) -> None:
        with self._guard:
            feed, run, passive, until = self._feed, self._run, self._passive, self.until
        if feed is None:
            return
        if run != self._told_run:
            self._talk.tell({"run": run})
            self._told_run, self._sent_at = run, 0
        if (at := self._at) != self._sent_at:
            self._sent_at = at
            self._talk.tell({"at": at})
        until = max(until, at - self._trail + self._files)
        if passive:
            feed.pull(until)
        while (told := feed.untold(PORTION, until, at))[1]:
            self._talk.tell({"first": told[0], "paths": told[1]})


def _abandon_all() -> None:
    for link in list(_links):
        link.abandon()
    _links.clear()


os.register_at_fork(after_in_child=_abandon_all)
