"""`Race`: one wait for a remote, for which the same may be asked once more on another connection.

Rules:
  * the one that waits goes on waiting in its own thread; when it is late, a second request starts in a thread of its own;
  * the first answer wins. If that is the second request's, it ends the first one's wait; if it is the first one's, the second
    request is ended. What the loser brings is closed unread;
  * a first request that fails while a second one is under way waits for that, for a while.
Invariant: of two answers exactly one is used, and the other is discarded.
"""

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from vfs.core.hedging import Allowance, Kind, Lateness, link_is_slow
from vfs.errors import VfsError
from vfs.remotes.alarms import Alarm, Alarms
from vfs.remotes.cancel import CURRENT, Cancel
from vfs.remotes.statistics import Statistics

T = TypeVar("T")

log = logging.getLogger("vfs.remotes")

_GRACE: Final = 1.0  # seconds that a second request has once the first has failed


class Hedges:
    """What all races of one remote share; thread-safe.

    Args:
        share: of all requests that may be sent twice.
        most: second requests at a time.
        statistics: counts them.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        share: float,
        most: int,
        statistics: Statistics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self.statistics = statistics
        self._most = most
        self._running = 0
        self._allowance = Allowance(share)
        self._kinds: dict[Kind, Lateness] = {}
        self._alarms = Alarms("vfs-hedge", clock)
        self._lock = threading.Lock()

    def after(self, kind: Kind) -> float:
        """Seconds after which a wait is late."""
        known = self._kinds.get(kind)
        return float("inf") if known is None else known.after

    def asked(self) -> None:
        """A first request is sent."""
        with self._lock:
            self._allowance.earn()

    def took(self, kind: Kind, seconds: float) -> None:
        """An answer came after so long."""
        with self._lock:
            known = self._kinds.get(kind)
            if known is None:
                known = self._kinds[kind] = Lateness()
            known.add(seconds)

    def wait(self, race: "Race[T]", seconds: float) -> Alarm:
        """A race waits, and is late after so long."""
        return self._alarms.set(race.late, self.clock() + seconds)

    def over(self, alarm: Alarm) -> None:
        """It does not wait any more."""
        self._alarms.drop(alarm)

    def start(self) -> bool:
        """Whether a second request may be sent now, which then is."""
        late, waiting = self._alarms.count()
        with self._lock:
            if (
                self._running >= self._most
                or link_is_slow(late, waiting)
                or not self._allowance.take()
            ):
                return False
            self._running += 1
        self.statistics.hedged()
        return True

    def ended(self, *, won: bool) -> None:
        """A second request is over."""
        with self._lock:
            self._running -= 1
        if won:
            self.statistics.hedge_won()


class Race(Generic[T]):
    """See the module. One thread calls `wait` and `pause`, then one of the rest.

    Args of the constructor:
        hedges: of the remote.
        kind: what is waited for.
        again: asks once more; in another thread.
        end: ends what the first thread waits for.
        discard: closes an answer that is not used.
    """

    def __init__(
        self,
        hedges: Hedges,
        kind: Kind,
        again: Callable[[], T],
        end: Callable[[], object],
        discard: Callable[[T], object],
    ) -> None:
        self.kind = kind
        self._hedges = hedges
        self._again = again
        self._end = end
        self._discard = discard
        self._lock = threading.Lock()
        self._over = False
        self._won: T | None = None
        self._rival: Cancel | None = None
        self._done: threading.Event | None = None  # made with the second request, which is rare
        self._alarm: Alarm | None = None

    def wait(self, waited: float = 0.0) -> None:
        """The first thread begins to wait, having waited so long already."""
        self._alarm = self._hedges.wait(self, max(0.0, self._hedges.after(self.kind) - waited))

    def pause(self) -> None:
        """It does not wait just now."""
        if self._alarm is not None:
            self._hedges.over(self._alarm)
            self._alarm = None

    def won(self) -> T | None:
        """The answer of the second request, if it has come first."""
        return self._won

    def first(self) -> T | None:
        """The first request is answered: None, and a second one is ended; or its answer, which has come before."""
        with self._lock:
            self._over = True
            won, rival = self._won, self._rival
        if won is None and rival is not None:
            rival.cancel()
        return won

    def failed(self) -> T | None:
        """The first request has failed: the answer of the second one, if that comes soon; None if there is none."""
        if self._done is not None:
            self._done.wait(max(_GRACE, self._hedges.after(self.kind)))
        return self.first()

    def late(self, now: float) -> float:
        """It takes too long; in the thread of the alarms. Returns when to look again."""
        with self._lock:
            if self._over or self._rival is not None:
                return float("inf")
            if not self._hedges.start():
                return now + self._hedges.after(self.kind)
            self._rival, self._done = rival, done = Cancel(fresh=True), threading.Event()
        thread = threading.Thread(
            target=contextvars.Context().run,
            args=(self._run, rival, done),
            name="vfs-hedged",
            daemon=True,
        )
        thread.start()
        return float("inf")

    def _run(self, rival: Cancel, done: threading.Event) -> None:
        found = None
        CURRENT.set(rival)
        started = self._hedges.clock()
        try:
            found = self._again()
        except VfsError as error:
            log.debug("the second request failed too: %s", error)
        except Exception:
            log.exception("a second request failed in an unforeseen way (this is a bug)")
        with self._lock:
            won = found is not None and not self._over
            if won:
                self._over, self._won = True, found
        self._hedges.ended(won=won)
        if won and self.kind.what != "rest":
            self._hedges.took(self.kind, self._hedges.clock() - started)
        done.set()
        if won:
            self._end()
        elif found is not None:
            self._discard(found)
