"""The direct transport: mount, agree with the kernel, serve, unmount."""

from vfs.descriptors import given
from vfs.fs.filesystem import FileSystem
from vfs.fuse.direct.beginning import begin, end
from vfs.fuse.direct.notifications import Notifications
from vfs.fuse.direct.session import Session
from vfs.fuse.transport import Plan


class DirectTransport:
    """One mount served on the kernel's own protocol."""

    name = "direct"

    def __init__(self, filesystem: FileSystem, plan: Plan) -> None:
        """Prepare a mount."""
        self._fs = filesystem
        self._plan = plan
        self._stopping = False
        self._device = -1
        self._notifications: Notifications
        self._session: Session

    @property
    def stopping(self) -> bool:
        """Whether the mount is on its way out: notifications may be cut short."""
        return self._stopping

    def mount(self) -> None:
        """Mount, and answer INIT.

        Raises:
            DaemonError: it cannot be mounted, or there is no agreement with the kernel; then nothing is mounted.
        """
        self._device, _ = begin(self._plan)
        self._notifications = Notifications(self._device)
        told = self._notifications
        self._session = Session(
            self._device,
            self._fs,
            told.drop_content,
            lambda: told.writing,
            callers_seen=given(self._plan.mountpoint) is None,  # numbered as who mounted sees them
        )

    async def serve(self) -> None:
        """Answer requests until the file system is unmounted or `stop` is called."""
        try:
            await self._session.serve()
        finally:
            self._stopping = True

    async def initialised(self) -> None:
        """INIT was answered by `mount`."""

    def notifications(self) -> Notifications:
        """The kernel's ear; for worker threads only."""
        return self._notifications

    def drop_content(self, inode: int) -> None:
        """Forget the pages of a file; blocking, for worker threads only."""
        self._notifications.drop_content(inode)

    def stop(self) -> None:
        """End `serve` soon, once what waits was answered; from the event loop."""
        if not self._stopping:
            self._stopping = True
            self._notifications.end()
            self._session.stop()

    def close(self, *, unmount: bool) -> None:
        """Give the device up; unmount (lazily, if files are open) if the mount is on its directory still. Call once, after `serve`."""
        end(self._device, self._plan, attached=unmount)
