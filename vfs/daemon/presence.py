"""How commands find a mount: its control socket and its record, made anew when they vanish.

The runtime directory goes at a logout and comes back at the next login; it may fill up. Neither concerns the mount: all that is lost is
that it can be asked for things, for as long as the trouble lasts.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

import trio

from vfs.control.registry import MountRecord, register, socket_path, unregister
from vfs.control.server import Dialogue, Handler, serve
from vfs.daemon.upkeep import repeatedly
from vfs.errors import VfsError
from vfs.threads import Pool, run_in

log = logging.getLogger("vfs.daemon")

LOOK_SECONDS = 2.0
"""How often the daemon looks whether commands would still find it."""

LEAVE_SECONDS = 5.0
"""How long the end of the daemon waits for the registry, whose lock another process may hold."""


class Presence:
    """The socket and the record of one mount."""

    def __init__(
        self,
        record: MountRecord,
        handlers: Mapping[str, Handler | Dialogue],
        is_there: Callable[[], bool],
    ) -> None:
        """`is_there` says whether the mount is on its directory still; blocking."""
        self.record = record
        self._handlers = handlers
        self._is_there = is_there
        self._outdated = False
        self._left = False
        self._writing = trio.Lock()

    async def keep(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve commands until cancelled; started once a command finds us.

        Raises:
            DaemonError: it cannot be done at all (later troubles are waited out).
        """
        await self._serve(task_status)
        await repeatedly(LOOK_SECONDS, "no control socket", self._serve_anew)

    async def shows(self, rev: str) -> None:
        """The mount shows another revision: put it on record, at the next look if it cannot be done now."""
        self.record = self.record._replace(rev=rev)
        try:
            await self._register(self.record)
            self._outdated = False
        except VfsError as error:
            if not self._outdated:
                log.warning("the mount record is out of date: %s", error)
            self._outdated = True

    async def leave(self) -> None:
        """Be found no more, so that another daemon can take the place; commands that were taken go on."""
        async with self._writing:
            self._left = True
            with suppress(VfsError):
                await run_in(Pool.CONTROL, unregister, self.record)

    async def _look_for_the_mount(self) -> None:
        """Somebody may have detached it, as `umount -l` does: what is open there is served on, and the place is free."""
        if not self._left and not await run_in(Pool.CONTROL, self._is_there):
            await self.leave()
            log.info("somebody took the mount off its directory; serving what is open")

    async def _register(self, record: MountRecord) -> None:
        async with self._writing:
            if not self._left:
                await run_in(Pool.CONTROL, register, record)

    async def _serve_anew(self) -> None:
        if self._left:
            return
        self.record = self.record._replace(socket=socket_path(self.record.mountpoint))
        await self._serve(trio.TASK_STATUS_IGNORED)

    async def _serve(self, task_status: trio.TaskStatus[None]) -> None:
        """Serve for as long as commands find us."""
        record = self.record
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(serve, record.socket, self._handlers)
                await self._register(record)
                task_status.started()
                log.info("commands are taken at %s", record.socket)
                while await run_in(Pool.CONTROL, _is_found, record) or self._left:
                    await trio.sleep(LOOK_SECONDS)
                    await self._look_for_the_mount()
                    if self._outdated:
                        await self.shows(self.record.rev)
                log.warning("the control socket or the mount record is gone; making them anew")
                nursery.cancel_scope.cancel()
        finally:
            with suppress(VfsError), trio.move_on_after(LEAVE_SECONDS, shield=True):
                await run_in(Pool.CONTROL, unregister, record, abandon=True)


def _is_found(record: MountRecord) -> bool:
    """Whether socket and record lie where commands look (another place, once the directory of a login has come or gone)."""
    with suppress(VfsError, OSError):
        return (
            socket_path(record.mountpoint) == record.socket
            and record.socket.is_socket()
            and record.socket.with_suffix(".json").is_file()
        )
    return False
