"""Revisions for `.snapshots` and for switches: snapshots built in worker threads, views made of them."""

from collections.abc import Callable, Sequence

import trio

from vfs.fs.directories import Totals, Unbuilt, View
from vfs.workspace import Snapshot, Workspace
from vfs.workspace.workspace import WORKTREE

Report = Callable[[str, int, int | None], None]


def view_of(snapshot: Snapshot) -> View:
    """A view that shows a snapshot."""
    weight = snapshot.totals
    return View(snapshot.root, snapshot.rev, snapshot.commit, Totals(weight.size, weight.files))


class Revisions:
    """`vfs.fs.snapshots.RevisionSource` over a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def revisions(self) -> Sequence[bytes]:
        """Names of tags and branches."""
        return await trio.to_thread.run_sync(self._names)

    async def view(self, revision: str) -> View:
        """A view of a revision, built when it is looked into; raises UnknownRevision."""
        if revision == WORKTREE:
            return view_of(await self.snapshot(revision))
        commit = await trio.to_thread.run_sync(self._workspace.repository.resolve, revision)

        async def build() -> View:
            return view_of(await self.snapshot(commit.oid))

        return View(Unbuilt(commit.time), revision, commit.oid, build=build)

    async def snapshot(self, revision: str, report: Report | None = None) -> Snapshot:
        """The snapshot of a revision, built if needed; raises UnknownRevision and what building raises."""
        snapshot = await trio.to_thread.run_sync(
            self._build, revision, report, abandon_on_cancel=True
        )
        return snapshot

    def _build(self, revision: str, report: Report | None) -> Snapshot:
        return self._workspace.snapshot(revision, report)

    def _names(self) -> list[bytes]:
        repository = self._workspace.repository
        named = repository.tags() + repository.branches() + repository.remote_branches()
        return [name.encode("utf-8", "surrogateescape") for name, _ in named]
