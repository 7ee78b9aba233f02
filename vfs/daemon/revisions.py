"""Revisions for `.snapshots` and for switches: snapshots built in worker threads, views made of them."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import trio

from vfs.core.lru import Lru
from vfs.daemon.builds import Builds
from vfs.daemon.memory import give_back
from vfs.errors import DataUnavailable
from vfs.fs.directories import Totals, Unbuilt, View
from vfs.threads import Pool, run_in
from vfs.workspace import Snapshot, Workspace
from vfs.workspace.patience import BRIEF
from vfs.workspace.workspace import WORKTREE

Report = Callable[[str, int, int | None], None]
T = TypeVar("T")

LONG_SECONDS: Final = 0.5
"""A build that took longer has made new catalog pages, and needed memory for it."""


AGAIN_SECONDS: Final = 20.0
"""How soon what cannot be served is looked at again; the deadline, if that is less. For a snapshot below `.snapshots` that an outage left
incomplete: how long it is shown before the next look builds it anew."""

PATIENT_SHARE: Final = 0.75
"""Of the deadline of a request, for the remotes that its snapshot needs: the rest is for building it without those that were silent."""

MOST_OUT: Final = 1024
"""Revisions remembered as left incomplete by an outage; one that is forgotten is waited for patiently once more."""


def met_outage(snapshot: Snapshot) -> bool:
    """Whether paths are broken because a remote was silent."""
    return any(problem.silent for problem in snapshot.problems)


def view_of(snapshot: Snapshot, again: float = math.inf) -> View:
    """A view that shows a snapshot; one that an outage left incomplete for `again` seconds."""
    weight = snapshot.totals
    until = time.monotonic() + again if met_outage(snapshot) else math.inf
    totals = Totals(weight.size, weight.files)
    return View(snapshot.root, snapshot.rev, snapshot.commit, totals, until=until)


class Revisions:
    """`vfs.fs.snapshots.RevisionSource` over a workspace.

    Attributes:
        again: seconds after which what cannot be served is looked at again.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._deadline = workspace.settings.deadline
        self.again = min(AGAIN_SECONDS, self._deadline)
        self._builds = Builds(
            self._for_kernel,
            deadline=self._deadline,
            silent=workspace.session.silent_remotes,
            spoiled=met_outage,
        )
        self.run = self._builds.run
        self._out: Lru[str, None] = Lru(MOST_OUT)
        self._guard = threading.Lock()

    async def revisions(self) -> Sequence[bytes]:
        """Full names of the refs that lead to commits."""
        return await self._look(self._references)

    async def view(self, revision: str) -> View:
        """A view of a revision, built when it is looked into; raises UnknownRevision."""
        if revision == WORKTREE:
            return view_of(await self._builds.get(revision), self.again)
        commit = await self._look(lambda: self._workspace.repository.resolve(revision))

        async def build() -> View:
            return view_of(await self._builds.get(commit.oid), self.again)

        return View(Unbuilt(commit.time), revision, commit.oid, build=build)

    async def snapshot(
        self, revision: str, report: Report | None = None, *, patience: float | None = None
    ) -> Snapshot:
        """The snapshot a client or a task asked for, built if needed; raises UnknownRevision and what building raises."""
        return await run_in(Pool.REMOTE, self._build, revision, report, patience, abandon=True)

    def _for_kernel(self, revision: str) -> Snapshot:
        """Patient the first time; who knows that the remote is out looks again briefly."""
        with self._guard:
            known = revision in self._out
        patience = BRIEF if known else self._deadline * PATIENT_SHARE
        snapshot = self._build(revision, patience=patience)
        with self._guard:
            if met_outage(snapshot):
                self._out.put(revision, None)
            else:
                self._out.discard(revision)
        return snapshot

    def _build(
        self, revision: str, report: Report | None = None, patience: float | None = None
    ) -> Snapshot:
        started = time.monotonic()
        snapshot = self._workspace.snapshot(revision, report, patience=patience)
        if time.monotonic() - started > LONG_SECONDS:
            give_back()
        return snapshot

    async def _look(self, function: Callable[[], T]) -> T:
        """Ask Git for a request of the kernel."""
        with trio.move_on_after(self._deadline):
            return await run_in(Pool.LOOK, function, abandon=True)
        raise DataUnavailable(f"Git did not answer within {self._deadline:g} s")

    def _references(self) -> list[bytes]:
        found = self._workspace.repository.references()
        return [name.encode("utf-8", "surrogateescape") for name, _ in found]
