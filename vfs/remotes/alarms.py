"""`Alarms`: calls what takes too long, in one thread.

Rule: setting and dropping an alarm cost a look into a dict; the thread is woken only for one that is due before all others. It
ends when none was set for a while, and is begun again.
Invariant: an alarm that was dropped stays dropped; it may just be going off.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger("vfs.remotes")

_IDLE: Final = 10.0  # seconds without an alarm after which the thread ends


class Alarm:
    """One wait.

    Attributes:
        call: what is called when it takes too long, with the time; returns when to call again.
        over: it was dropped.
        rang: it took too long once.
    """

    __slots__ = ("call", "over", "rang")

    def __init__(self, call: Callable[[float], float]) -> None:
        self.call = call
        self.over = False
        self.rang = False


class Alarms:
    """See the module; thread-safe. `clock` is monotonic seconds."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._due: dict[Alarm, float] = {}
        self._until = math.inf  # when the thread wakes by itself
        self._changed = threading.Condition()
        self._runs = False

    def set(self, call: Callable[[float], float], due: float) -> Alarm:
        """Something begins to wait; it may be due never (infinity)."""
        alarm = Alarm(call)
        self._due[alarm] = due
        if due < self._until:
            with self._changed:
                if not self._runs:
                    self._runs = True
                    threading.Thread(target=self._run, name=self._name, daemon=True).start()
                self._changed.notify()
        return alarm

    def drop(self, alarm: Alarm) -> None:
        """It has ended."""
        alarm.over = True
        self._due.pop(alarm, None)

    def count(self) -> tuple[int, int]:
        """How many have taken too long, and how many wait in all."""
        waiting = self._due.copy()
        return sum(alarm.rang for alarm in waiting), len(waiting)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._until = math.inf  # who sets one now waits for the lock, then wakes us
                now = self._clock()
                due = self._due.copy()
                first = min(due.values(), default=math.inf)
                if first > now:
                    self._until = first
                    woken = self._changed.wait(min(first - now, _IDLE))
                    if not woken and first == math.inf and not self._due:
                        self._runs = False
                        return
                    continue
            for alarm, when in due.items():
                if when <= now and not alarm.over:
                    self._ring(alarm, now)

    def _ring(self, alarm: Alarm, now: float) -> None:
        alarm.rang = True
        again = math.inf
        try:
            again = alarm.call(now)
        except Exception:
            log.exception("%s: an alarm failed (this is a bug)", self._name)
        self._due[alarm] = again
        if alarm.over:  # dropped meanwhile, perhaps before that
            self._due.pop(alarm, None)
