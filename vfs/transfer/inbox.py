"""`Inbox`: how worker threads tell the event loop what they have done.

Rule: threads append to a deque and ask the loop to look, unless it has been asked: trio writes to a socket for each wake-up.
What raises on the loop, where trio would end the process, fails its blob alone. Announcements of one thread are handled in their order, and all of them before the job's task learns that the thread has ended.
"""

import contextlib
import functools
from collections import deque
from collections.abc import Callable, Sequence

import trio

from vfs.store import Taken
from vfs.transfer.companions import Coming
from vfs.transfer.failures import shielded
from vfs.transfer.state import Job
from vfs.transfer.waiter import Data


class Inbox:
    """Announcements of downloads (implements `download.Announce`).

    `on_opened`, `on_arrived`, `on_stored` and what `companions` does are called on the loop; `on_failed` is, if one of them raised.
    """

    def __init__(
        self,
        on_opened: Callable[[Job, str], None],
        on_arrived: Callable[[Job, Sequence[tuple[int, Data]], int], None],
        on_stored: Callable[[Job, list[int], Taken, bool], None],
        on_failed: Callable[[Job, Exception], None],
        companions: Coming,
    ) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._news: deque[tuple[Job, Callable[[], None]]] = deque()
        self._asked = False  # the loop has been asked to look and has not begun to
        self._on_opened = on_opened
        self._on_arrived = on_arrived
        self._on_stored = on_stored
        self._on_failed = on_failed
        self._companions = companions

    def opened(self, job: Job, etag: str) -> None:
        """In a worker thread: a place answers."""
        self._tell(job, lambda: self._on_opened(job, etag))

    def arrived(self, job: Job, blocks: Sequence[tuple[int, Data]], mark: int) -> None:
        """In a worker thread: blocks are complete."""
        self._tell(job, lambda: self._on_arrived(job, blocks, mark))

    def stored(self, job: Job, blocks: list[int], *, taken: Taken, lasting: bool) -> None:
        """In a worker thread: blocks are in the store (for long), or not taken."""
        self._tell(job, lambda: self._on_stored(job, blocks, taken, lasting))

    def coming(self, job: Job, keys: Sequence[bytes]) -> None:
        """In a worker thread: other blobs came along."""
        self._tell(job, lambda: self._companions.begin(keys))

    def came(self, job: Job, keys: Sequence[bytes], size: int) -> None:
        """In a worker thread: some of them are in the store (`size` bytes), or not to be had."""
        self._tell(job, lambda: self._companions.came(job, keys, size))

    def drain(self) -> None:
        """On the loop: handle everything announced so far."""
        self._asked = False  # first: what is announced from now on asks again
        while self._news:
            job, news = self._news.popleft()
            if (error := shielded(job, news)) is not None:
                shielded(job, functools.partial(self._on_failed, job, error))

    def _tell(self, job: Job, news: Callable[[], None]) -> None:
        self._news.append((job, news))
        if self._asked:
            return
        self._asked = True
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self.drain, idempotent=True)
