"""Snapshots that requests of the kernel ask for: built once each, waited for up to a deadline.

Rule: a remote that hangs costs a request its deadline, never a slot of other work. A build that has begun goes on when nobody waits for it
any more, and who asks within `KEPT_SECONDS` has its result, unless an outage spoiled it; a build that has not begun ends with the last
who waits for it.
"""

import copy
import logging
from collections.abc import Callable
from typing import Final

import trio

from vfs.errors import DataUnavailable, RemoteUnavailable, VfsError
from vfs.threads import Pool, run_in
from vfs.workspace import Snapshot
from vfs.workspace.workspace import WORKTREE

log = logging.getLogger("vfs.daemon")

KEPT_SECONDS: Final = 20.0
"""How long a snapshot is kept for those that did not wait for it to the end; what it shows may have changed by then."""


class _Flight:
    """One build: who waits for it, whether a thread works on it, and what came of it."""

    def __init__(self) -> None:
        self.done = trio.Event()
        self.scope = trio.CancelScope()
        self.waiting = 0
        self.begun = False
        self.result: Snapshot | VfsError | None = None


class Builds:
    """See the module.

    Args of the constructor:
        build: makes the snapshot of a revision; blocking.
        deadline: seconds a request waits.
        silent: names of the remotes that owe an answer now.
        spoiled: whether paths of a snapshot are broken because a remote was silent.
    """

    def __init__(
        self,
        build: Callable[[str], Snapshot],
        *,
        deadline: float,
        silent: Callable[[], list[str]],
        spoiled: Callable[[Snapshot], bool],
    ) -> None:
        self._build = build
        self._deadline = deadline
        self._silent = silent
        self._spoiled = spoiled
        self._flights: dict[str, _Flight] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = None

    async def get(self, revision: str) -> Snapshot:
        """The snapshot of a revision.

        Raises:
            RemoteUnavailable: it is not there in time.
            VfsError: whatever building it raises.
        """
        flight = self._flights.get(revision) or self._start(revision)
        flight.waiting += 1
        try:
            with trio.move_on_after(self._deadline):
                await flight.done.wait()
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.begun:
                flight.scope.cancel()
                self._forget(revision, flight)
        if flight.result is None:
            raise self._late(revision)
        self._forget(revision, flight)
        if isinstance(flight.result, VfsError):
            raise copy.copy(flight.result)
        return flight.result

    def _late(self, revision: str) -> VfsError:
        remotes = ", ".join(self._silent()) or "none"
        return RemoteUnavailable(
            f"snapshot {revision} was not built within {self._deadline:g} s; remotes that owe an answer: {remotes}",
            hint="`vfs doctor` asks every remote; look again later",
        )

    def _start(self, revision: str) -> _Flight:
        if self._nursery is None:
            raise DataUnavailable("vfs is shutting down")
        flight = self._flights[revision] = _Flight()
        self._nursery.start_soon(self._fly, revision, flight)
        return flight

    async def _fly(self, revision: str, flight: _Flight) -> None:
        def build() -> Snapshot:
            flight.begun = True
            return self._build(revision)

        try:
            with flight.scope:
                flight.result = await run_in(Pool.BUILD, build, abandon=True)
        except VfsError as error:
            flight.result = error
        except Exception:
            log.exception("cannot build snapshot %s (this is a bug)", revision)
            flight.result = DataUnavailable(f"cannot build snapshot {revision}")
        finally:
            flight.done.set()
        if flight.waiting:
            return  # they take it, and forget it
        if not self._is_stale(revision, flight.result):
            await trio.sleep(KEPT_SECONDS)
        self._forget(revision, flight)

    def _is_stale(self, revision: str, result: Snapshot | VfsError | None) -> bool:
        """Whether the next look had better build it anew."""
        if result is None or isinstance(result, VfsError):
            return True
        return revision == WORKTREE or self._spoiled(result)

    def _forget(self, revision: str, flight: _Flight) -> None:
        if self._flights.get(revision) is flight:
            del self._flights[revision]
