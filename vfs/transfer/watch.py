"""`Watch`: notices running GETs that bring nothing, so that their blocks can be asked of another place.

Rules: a GET that waits for its share of the bandwidth does not hang. One task looks after all GETs. Each is looked at once per patience; all have the same, so the order in which they
came (or were looked at last) is the order in which they are due. Loop only; plain functions except the task.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import NoReturn

import trio

from vfs.transfer.state import Job


class Watch:
    """See the module.

    Args of the constructor:
        patience: seconds without a byte after which a GET counts as hanging.
        hand_over: asks another place for what a job has not brought; False if it goes on being watched.
    """

    def __init__(self, patience: float, hand_over: Callable[[Job], bool]) -> None:
        self.patience = patience
        self._hand_over = hand_over
        self._due: OrderedDict[Job, tuple[float, int]] = OrderedDict()
        self._begun = trio.Event()

    def add(self, job: Job) -> None:
        """Look at a job one patience from now, and see then whether it has moved."""
        self._due[job] = (trio.current_time() + self.patience, job.received)
        self._begun.set()

    def discard(self, job: Job) -> None:
        """Its thread has come back."""
        self._due.pop(job, None)

    async def run(self) -> NoReturn:
        """Watch until cancelled."""
        while True:
            if not self._due:
                self._begun = trio.Event()
                await self._begun.wait()
            due, _ = next(iter(self._due.values()))
            await trio.sleep_until(due)
            self._look(trio.current_time())

    def _look(self, now: float) -> None:
        """Deal with every job that is due."""
        while self._due:
            job, (due, seen) = next(iter(self._due.items()))
            if due > now:
                return
            del self._due[job]
            if job.received != seen or job.turn.held or not self._hand_over(job):
                self.add(job)
