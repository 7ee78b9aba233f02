"""The snapshot that a mount shows, and all that puts another one in its place: a switch, an edit of the working tree, what can be had again.

Rule: one at a time (`docs/concurrency.md`, "Switching").
"""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import trio

from vfs.daemon import online
from vfs.daemon.progress import SendProgress, reporting
from vfs.daemon.revisions import Revisions, view_of
from vfs.fs.filesystem import FileSystem
from vfs.fs.switch import SwitchReport, drop_last, invalidate, swap
from vfs.fuse.transport import Transport
from vfs.threads import Pool, run_in
from vfs.workspace import Snapshot, Workspace
from vfs.workspace.patience import BRIEF
from vfs.workspace.workspace import WORKTREE

log = logging.getLogger("vfs.daemon")


class Shown:
    """See the module; on the event loop only.

    Attributes:
        snapshot: what is shown.
        since: when it was shown first, seconds since the epoch.
    """

    def __init__(
        self,
        workspace: Workspace,
        revisions: Revisions,
        filesystem: FileSystem,
        transport: Callable[[], Transport],
        tell: Callable[[str], Awaitable[None]],
        snapshot: Snapshot,
        since: float,
    ) -> None:
        """Begin with a snapshot, shown since a time; `tell` is told of revisions that are shown later."""
        self.snapshot = snapshot
        self.since = since
        self._workspace = workspace
        self._revisions = revisions
        self._filesystem = filesystem
        self._transport = transport
        self._tell = tell
        self._switching = trio.Lock()
        self._seen: bytes | None = None

    async def switch(self, rev: str, progress: SendProgress) -> dict[str, Any]:
        """Show another revision; returns when a path opened anew shows it."""
        started = trio.current_time()
        async with self._switching:
            async with reporting(progress) as report:
                snapshot = online.complete(await self._revisions.snapshot(rev, report))
            built = trio.current_time()
            shown = await self._show(snapshot)
        return {
            "rev": snapshot.rev,
            "commit": snapshot.commit,
            "build_seconds": round(built - started, 4),
            "switch_seconds": round(trio.current_time() - built, 4),
            "directories": shown.directories,
            "names": shown.names,
            "problems": len(snapshot.broken),
        }

    async def _show(self, snapshot: Snapshot) -> SwitchReport:
        """Steps 2 to 5 of a switch (`docs/concurrency.md`); not to be cut short by a client that leaves."""
        with trio.CancelScope(shield=True):
            shown = self.snapshot
            moved = await run_in(Pool.CONTROL, self._workspace.supersede, shown, snapshot)
            known = swap(self._filesystem.directories, view_of(snapshot))
            if moved:
                self._filesystem.reader.places_changed()
            self.snapshot = snapshot
            notifier = self._transport().notifications()
            report = await run_in(
                Pool.KERNEL,
                lambda: invalidate(
                    known, snapshot.root, notifier, lambda: self._transport().stopping
                ),
            )
            for inode in report.gone:
                node = self._filesystem.directories.get(inode)
                if node is not None:
                    self._filesystem.directories.retire(node)
            if report.last:
                await run_in(Pool.KERNEL, drop_last, report, notifier)
            self._filesystem.counters.switches += 1
            self.since = time.time()
            await self._tell(snapshot.rev)
        log.info("shows %s (%s)", snapshot.rev, snapshot.commit)
        return report

    async def heal(self) -> None:
        """Look again for what could not be served, or was lost, since the snapshot was built."""
        lost = await run_in(Pool.CONTROL, self._workspace.mend)
        if lost or self.snapshot.may_heal:
            await self._renew(self.snapshot.commit or self.snapshot.rev)

    async def follow(self) -> None:
        """Show edits of the working tree while the mount shows `worktree`."""
        if self.snapshot.rev != WORKTREE:
            self._seen = None
            return
        now = await run_in(Pool.LOOK, self._workspace.repository.worktree_fingerprint)
        if now != self._seen and await self._renew(WORKTREE):
            self._seen = now

    async def _renew(self, rev: str) -> bool:
        """Build the snapshot that is shown once more, and show it if it differs.

        It is built without the lock: a remote that hangs must not keep `vfs switch` waiting. False if another snapshot was
        shown meanwhile: then nothing is changed.
        """
        shown = self.snapshot
        found = await self._revisions.snapshot(rev, patience=BRIEF)
        async with self._switching:
            if self.snapshot is not shown:
                return False
            if found.identity != shown.identity:
                await self._show(replace(found, rev=shown.rev))
        return True
