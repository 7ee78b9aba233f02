"""The pyfuse3 transport: mount, serve, notify, unmount."""

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Final

import pyfuse3
import trio

from vfs.errors import DaemonError
from vfs.fs.filesystem import FileSystem
from vfs.fs.xattrs import Xattrs
from vfs.fuse.libfuse.operations import Notifications, Operations
from vfs.fuse.libfuse.polling import Poller, stand_in
from vfs.fuse.transport import SUBTYPE, Plan

log = logging.getLogger("vfs.fuse")

MOST_REQUESTS: Final = 1000
"""Requests answered at once. Those that wait for a remote take their share of it, so it must be far more than readers hang."""


class LibfuseTransport:
    """One mount served through libfuse by pyfuse3. At most one per process (libfuse's session is global)."""

    name = "pyfuse3"

    def __init__(self, filesystem: FileSystem, plan: Plan) -> None:
        """Prepare a mount."""
        self._mountpoint = plan.mountpoint
        self._initialised = trio.Event()
        self._stopping = False
        self._operations = Operations(filesystem, Xattrs(filesystem), self._initialised.set)
        self._options = {*plan.all_options, f"fsname={plan.escaped_source}", f"subtype={SUBTYPE}"}

    @property
    def stopping(self) -> bool:
        """Whether the mount is on its way out: notifications may be cut short."""
        return self._stopping

    def mount(self) -> None:
        """Mount; raises DaemonError with libfuse's reason where it gives one."""
        # Not in its stubs: pyfuse3 looks its scheduler up here at every request.
        vars(pyfuse3)["trio"] = stand_in(Poller())
        with _stderr() as said:
            try:
                pyfuse3.init(self._operations, str(self._mountpoint), self._options)
            except RuntimeError as error:
                raise DaemonError(
                    f"cannot mount on {self._mountpoint}: {said() or error}",
                    hint="run `vfs doctor`: it checks /dev/fuse, fusermount3 and /etc/fuse.conf",
                ) from error

    async def serve(self) -> None:
        """Answer requests until the file system is unmounted or `stop` is called."""
        try:
            await pyfuse3.main(max_tasks=MOST_REQUESTS)
        finally:
            self._stopping = True

    async def initialised(self) -> None:
        """Return when the kernel has been answered INIT, which sets its limits for the mount."""
        await self._initialised.wait()

    def notifications(self) -> Notifications:
        """The kernel's ear; for worker threads only."""
        return Notifications()

    def drop_content(self, inode: int) -> None:
        """Forget the pages of a file; blocking, for worker threads only."""
        try:
            pyfuse3.invalidate_inode(inode, attr_only=False)
        except OSError as error:
            log.debug("inode %d: %s", inode, error)

    def stop(self) -> None:
        """End `serve` soon; from the event loop."""
        if not self._stopping:
            self._stopping = True
            pyfuse3.terminate()

    def close(self, *, unmount: bool) -> None:
        """Free the session; unmount (lazily, if files are open) if the mount is on its directory still. Call once, after `serve`."""
        pyfuse3.close(unmount=unmount)


@contextlib.contextmanager
def _stderr() -> Iterator[Callable[[], str]]:
    """Catch what libfuse and fusermount3 say on descriptor 2: it is their only way to give a reason."""
    before = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)

        def said() -> str:
            caught.seek(0)
            lines = caught.read(4096).decode("utf-8", "replace").split("\n")
            return "; ".join(line.strip() for line in lines if line.strip())

        try:
            yield said
        finally:
            os.dup2(before, 2)
            os.close(before)
