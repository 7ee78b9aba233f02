"""One mount in service: the objects it is made of, and what can be asked of it.

The composition root: everything below is constructed here and nowhere else, and handed down as arguments.
"""

import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from vfs import log as logs
from vfs import own_mount
from vfs.control.registry import MountOptions, MountRecord, mount_id, socket_path
from vfs.daemon import online
from vfs.daemon.accounts import Accounts
from vfs.daemon.attachment import Attachment
from vfs.daemon.ending import SIGNALS, Ending
from vfs.daemon.foreseen import fetch_ahead
from vfs.daemon.guesses import Guesses
from vfs.daemon.handlers import handlers
from vfs.daemon.measures import Measures
from vfs.daemon.memory import Calm, give_back
from vfs.daemon.orders import Orders
from vfs.daemon.prefetch import pin_named, selected
from vfs.daemon.presence import Presence
from vfs.daemon.progress import SendProgress, reporting
from vfs.daemon.request import MountRequest
from vfs.daemon.revisions import Revisions, view_of
from vfs.daemon.shown import Shown
from vfs.daemon.status import memory, plain, problems, remotes
from vfs.daemon.upkeep import Work, once, repeatedly
from vfs.descriptors import Reserve
from vfs.fs.counted import CountedFileSystem
from vfs.fs.filesystem import FileSystem
from vfs.fs.reader import Reader
from vfs.fuse.selection import mounted
from vfs.fuse.transport import Plan, Transport
from vfs.fuse.tuning import Tuning
from vfs.log import Recent
from vfs.offline import is_offline
from vfs.threads import Pool, run_in
from vfs.transfer import Fetcher, Place
from vfs.types import Blob
from vfs.workspace import Snapshot, Workspace
from vfs.workspace.scope import scope_of

if TYPE_CHECKING:
    from vfs.daemon.exporter import Exporter

log = logging.getLogger("vfs.daemon")

FOLLOW_SECONDS: Final = 1.0
"""How often a mount of `worktree` looks whether the working tree has changed."""

MAINTAIN_SECONDS: Final = 5.0
"""How often the chunk store is tidied."""

HEAL_SECONDS: Final = 5.0
"""How long going online looks for what could not be served; what takes longer is looked for in the background."""

MOST_DIRECTORIES: Final = 4096
"""In so many of those that the kernel came to know last is looked for what programs read."""

TIDY_SECONDS: Final = 3600.0
"""How often the catalog is tidied, which looks for what is not needed once a day at most, or while it is too large."""


class Service:
    """A mount from its first snapshot to its end."""

    def __init__(
        self,
        request: MountRequest,
        workspace: Workspace,
        snapshot: Snapshot,
        log_file: Path | None,
        recent: Recent,
        attachment: Attachment,
        exporter: "Exporter | None" = None,
    ) -> None:
        self._request = request
        self._attachment = attachment
        self._workspace = workspace
        self._recent = recent
        self._exporter = exporter
        self._tuning: Tuning | None = None
        self._bad_inodes, self._bad_inodes_in = trio.open_memory_channel[int](math.inf)
        settings = workspace.settings
        self._revisions = Revisions(workspace)
        self._store = workspace.store
        self._fetcher = Fetcher(
            self._store, settings, scope=scope_of(workspace.repository), on_bad=self._content_is_bad
        )
        reader = Reader(self._store, self._fetcher, self._places, push_small=settings.push_small)
        kind = CountedFileSystem if request.counted else FileSystem
        self.filesystem = kind(view_of(snapshot), self._revisions, reader)
        self._transport: Transport
        self._presence: Presence
        self._transport_notice: str | None = None
        record = _record(request, workspace.name, snapshot.rev, log_file)
        self._shown = Shown(
            workspace,
            self._revisions,
            self.filesystem,
            lambda: self._transport,
            lambda rev: self._presence.shows(rev),
            snapshot,
            record.started,
        )
        self.orders = Orders(self._fetcher, workspace, lambda: self._shown.snapshot)
        self._guesses = Guesses(self.orders, workspace.name.encode(), self._known_directories)
        self.filesystem.observe = self._touched
        asked = workspace.session.connections.statistics
        self.accounts = Accounts(self.filesystem, self._fetcher, asked)
        self.measures = Measures(
            self.filesystem,
            self._fetcher,
            self._store,
            workspace,
            transport=lambda: self._transport.name,
            started=record.started,
            problems=lambda: len(self._shown.snapshot.broken),
        )
        self._presence = Presence(record, handlers(self), attachment.is_there)
        self._reserve = Reserve()
        self._calm = Calm()
        self._reserve.refill()

    def _places(self, origin: int, blob: Blob) -> Sequence[Place]:
        """Where a blob may come from; blocking."""
        return self._workspace.places_by(origin, blob)

    def _touched(self, inode: int, pid: int) -> None:
        """A process is about to read a file."""
        if not self.orders.touched(inode):  # of what is told nothing need be guessed
            self._guesses.touched(inode, pid)

    def _known_directories(self) -> list[bytes]:
        """Of the main view, those that the kernel came to know last first."""
        table = self.filesystem.directories
        return [node.path for node in table.newest(table.main, MOST_DIRECTORIES)]

    def _content_is_bad(self, blob: Blob) -> None:
        """A large content was wrong as a whole after parts of it were read: nothing may keep them."""
        for inode in self.filesystem.forget_content(blob):
            self._bad_inodes.send_nowait(inode)

    def mount(self) -> None:
        """Mount; requests wait in the kernel until `run` serves them, so nothing may look at the mount from now on."""
        request, settings = self._request, self._workspace.settings
        plan = Plan(
            self._attachment.served,
            self._attachment.source,
            tuple(_mount_options(request.options)),
            settings.read_ahead,
            settings.max_background,
        )
        kind = request.options.transport or settings.transport
        self._transport, self._transport_notice = mounted(kind, self.filesystem, plan)
        mount = self._attachment.mounted()
        if mount is not None:
            own_mount.serve(mount.path, mount.number)

    async def run(self, ready: Callable[[], None], ending: Ending) -> None:
        """Serve until unmounted or told to stop, perhaps before it began; `ready` is called once the mount can be used and controlled."""
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._fetcher.run)
                await nursery.start(self._revisions.run)
                await nursery.start(self._guesses.run)
                nursery.start_soon(self._watch_signals, ending)
                nursery.start_soon(self._drop_bad_content)
                for what, work in self._once():
                    nursery.start_soon(once, what, work)
                for seconds, what, work in self._repeatedly():
                    nursery.start_soon(repeatedly, seconds, what, work)
                if self._exporter is not None:
                    nursery.start_soon(self._exporter.run, self.measures.taken_in_thread)
                await nursery.start(self._presence.keep)
                ready()
                await self._transport.serve()
                nursery.cancel_scope.cancel()
        finally:
            self._attachment.release()
            self._transport.close(unmount=self._attachment.is_there())
            self._attachment.clear()

    def _once(self) -> Iterator[tuple[str, Work]]:
        yield "raising the kernel's limits", self._tune
        yield "getting remotes ready", self._prepare_remotes
        yield "tidying the catalog", self._tidy_soon

    def _repeatedly(self) -> Iterator[tuple[float, str, Work]]:
        yield MAINTAIN_SECONDS, "cannot tidy the cache", self._maintain
        yield MAINTAIN_SECONDS, "cannot keep what was read", self._guesses.tidy
        yield TIDY_SECONDS, "cannot tidy the catalog", self._tidy_catalog
        yield self._revisions.again, "cannot look again for what is missing", self._shown.heal
        yield FOLLOW_SECONDS, "cannot follow the working tree", self._shown.follow

    # -- verbs ---------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """What the mount shows and how it does."""
        view = self.filesystem.directories.main
        return {
            "mountpoint": str(self._presence.record.mountpoint),
            "repo": self._presence.record.repo,
            "rev": view.label,
            "commit": view.commit,
            "pid": self._presence.record.pid,
            "started": self._presence.record.started,
            "shown_since": self._shown.since,
            "files": view.totals.files,
            "size": view.totals.size,
            "log": None if self._presence.record.log is None else str(self._presence.record.log),
            "transport": self._transport.name,
            "inodes": self.filesystem.inodes,
            "requests": self.filesystem.counters.snapshot(),
            "transfer": plain(self._fetcher.statistics()),
            "orders": self.orders.figures(),
            "remotes": remotes(self._workspace.session.connections.statistics()),
            "offline": is_offline(),
            "problems": len(self._shown.snapshot.broken),
            "notices": [
                *self._workspace.notices,
                *([self._transport_notice] if self._transport_notice else []),
                *([self._exporter.notice] if self._exporter and self._exporter.notice else []),
            ],
            "read_ahead_kib": self._tuning.read_ahead_kib if self._tuning else None,
            "max_background": self._tuning.max_background if self._tuning else None,
            "refused": list(self._tuning.refused) if self._tuning else [],
            "metrics": self._exporter.url if self._exporter else None,
        }

    def statistics(self) -> dict[str, Any]:
        """The chunk store's figures, what was warned of, and the snapshot's problems; blocking, in a worker thread."""
        return {
            "store": plain(self._store.statistics()),
            "memory": memory(),
            "warnings": self._recent.items(),
            "problem_list": problems(self._shown.snapshot.problems),
        }

    def handed(self) -> dict[str, Any]:
        """What `CountedFileSystem` counted, of a mount that counts, and bytes that came from remotes."""
        said: dict[str, Any] = {"received": self._fetcher.statistics().bytes_received}
        counted = self.filesystem
        if isinstance(counted, CountedFileSystem):
            said["by_inode"] = {str(inode): size for inode, size in counted.handed.items()}
            said["failed"] = {str(inode): reads for inode, reads in counted.failed.items()}
            said["broken"] = {os.fsdecode(path): times for path, times in counted.broken.items()}
        return said

    async def switch(self, rev: str, progress: SendProgress) -> dict[str, Any]:
        """Show another revision; returns when a path opened anew shows it."""
        return await self._shown.switch(rev, progress)

    async def prefetch(self, args: dict[str, Any], progress: SendProgress) -> dict[str, Any]:
        """Fetch whole files into the chunk store."""
        rev = args.get("rev")
        snapshot = await self._revisions.snapshot(rev, None) if rev else self._shown.snapshot
        selection = await run_in(Pool.CONTROL, selected, self._workspace, snapshot, args)
        with pin_named(args):
            async with reporting(progress) as report:
                result = await self._fetcher.prefetch(
                    selection.wanted, lambda done, total: report("fetch", done, total)
                )
        return selection.report(result)

    async def ahead(self, args: dict[str, Any]) -> None:
        """Fetch what a command will probably read: `files`, each a path and how much was read of it the last time."""
        await fetch_ahead(self._fetcher, self._workspace, self._shown.snapshot, args["files"])

    async def offline(self, wanted: bool | None) -> bool:
        """Ask no remote, or do again; whether it is offline then."""
        again = self.filesystem.reader.places_changed
        if (
            wanted is not None
            and await online.go(self._workspace, again, offline=wanted)
            and not wanted
        ):
            with trio.move_on_after(HEAL_SECONDS):
                await self._shown.heal()
        return is_offline()

    async def unmount(self, *, lazy: bool) -> None:
        """Unmount and end; `lazy` detaches now, and the kernel ends it when the last file open there is closed.

        Raises:
            VfsError: files are open and `lazy` is false, or it cannot be done.
        """
        with trio.CancelScope(shield=True):  # the kernel may end us before the answer is out
            await run_in(Pool.KERNEL, partial(self._attachment.unmount, lazy=lazy))
            if lazy:
                await self._presence.leave()
                log.info("detached; serving what is open")
        if not lazy:
            self._stop()

    # -- tasks ---------------------------------------------------------------------------------------

    async def _watch_signals(self, ending: Ending) -> None:
        with trio.open_signal_receiver(*SIGNALS) as signals:
            if ending.wanted:  # a signal that came before we listened
                self._stop()
            async for number in signals:
                log.info("%s: unmounting", signal.Signals(number).name)
                self._stop()

    def _stop(self) -> None:
        """End serving; the transport waits for the answers it owes, so nobody may go on waiting for a remote."""
        self._transport.stop()
        self._fetcher.stop()

    async def _tune(self) -> None:
        settings = self._workspace.settings
        await self._transport.initialised()
        self._tuning = await run_in(
            Pool.CONTROL,
            self._attachment.tune,
            settings.read_ahead,
            settings.max_background,
        )
        for path in self._tuning.refused:
            log.info("not allowed to raise %s; `vfs doctor` says how", path)

    async def _prepare_remotes(self) -> None:
        await run_in(Pool.REMOTE, self._workspace.prepare_remotes, abandon=True)

    async def _drop_bad_content(self) -> None:
        async for inode in self._bad_inodes_in:
            await once("dropping bad content", partial(self._drop, inode))

    async def _drop(self, inode: int) -> None:
        await run_in(Pool.KERNEL, self._transport.drop_content, inode)

    async def _maintain(self) -> None:
        """Let the chunk store write down what was touched and let go of what others evicted, or found wrong."""
        await run_in(Pool.CONTROL, self._store.maintain)
        self.measures.tick()
        logs.settle()
        self._reserve.refill()
        if self._calm.has_come(self._fetcher.statistics().bytes_received):
            await run_in(Pool.CONTROL, give_back)
        self._fetcher.heed(lambda: map(self._fetcher.own, self.filesystem.files.large()))

    async def _tidy_catalog(self) -> None:
        """Let the catalog forget what no mount needs."""
        await run_in(Pool.CONTROL, self._workspace.tidy, abandon=True)

    async def _tidy_soon(self) -> None:
        """For the first time; not at once, so that a short mount pays nothing."""
        await trio.sleep(TIDY_SECONDS / 60)
        await self._tidy_catalog()


def _record(request: MountRequest, repo: str, rev: str, log_file: Path | None) -> MountRecord:
    """What tells other processes of the mount."""
    return MountRecord(
        id=mount_id(request.mountpoint),
        mountpoint=request.mountpoint,
        repo=repo,
        rev=rev,
        pid=os.getpid(),
        started=time.time(),
        log=log_file,
        socket=socket_path(request.mountpoint),
    )


def _mount_options(options: MountOptions) -> Iterator[str]:
    yield from options.extra
    if options.allow_other:
        yield "allow_other"
    elif options.allow_root:
        yield "allow_root"
