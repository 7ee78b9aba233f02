"""The direct transport: mount, agree with the kernel, serve, unmount."""

import errno
import logging
import os
import select
from typing import Final

from vfs.descriptors import given
from vfs.errors import DaemonError
from vfs.fs.filesystem import FileSystem
from vfs.fuse.direct.mounting import is_over, mount, unmount
from vfs.fuse.direct.negotiation import negotiate
from vfs.fuse.direct.notifications import Notifications
from vfs.fuse.direct.session import Session
from vfs.fuse.direct.wire import (
    ANSWER,
    ANSWER_SIZE,
    SMALLEST_BUFFER,
    Malformed,
    Opcode,
    parse_header,
)
from vfs.fuse.transport import Plan

log = logging.getLogger("vfs.fuse")

FIRST_SECONDS: Final = 10.0
"""How long INIT may take: the kernel sends it before mount(2) returns."""


class DirectTransport:
    """One mount served on the kernel's own protocol."""

    name = "direct"

    def __init__(self, filesystem: FileSystem, plan: Plan) -> None:
        """Prepare a mount."""
        self._fs = filesystem
        self._plan = plan
        self._attached = given(plan.mountpoint) is None
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
        self._device = mount(self._plan)
        try:
            self._agree()
        except BaseException:
            self.close()
            raise
        self._notifications = Notifications(self._device)
        told = self._notifications
        self._session = Session(self._device, self._fs, told.drop_content, lambda: told.writing)

    def _agree(self) -> None:
        """Answer INIT, once more if the kernel speaks a newer major version."""
        buffer = bytearray(SMALLEST_BUFFER)
        poll = select.poll()
        poll.register(self._device, select.POLLIN)
        for _ in range(2):
            if not poll.poll(FIRST_SECONDS * 1000):
                break
            try:
                size = os.readv(self._device, [buffer])
                header = parse_header(buffer, size)
                if header.opcode != Opcode.INIT:
                    os.write(self._device, ANSWER.pack(ANSWER_SIZE, -errno.EIO, header.unique))
                    break
                agreed = negotiate(
                    buffer,
                    size,
                    read_ahead=self._plan.read_ahead,
                    max_background=self._plan.max_background,
                )
                head = ANSWER.pack(ANSWER_SIZE + len(agreed.reply), 0, header.unique)
                os.writev(self._device, (head, agreed.reply))
            except (OSError, Malformed) as error:
                raise DaemonError(f"no agreement with the kernel's FUSE: {error}") from error
            if agreed.minor is not None:
                log.info("FUSE protocol 7.%d, flags %#x", agreed.minor, agreed.flags)
                return
        raise DaemonError(
            "no agreement with the kernel's FUSE: it does not begin with INIT",
            hint="a descriptor of /dev/fuse serves one mount, from its beginning on",
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

    def detached(self) -> None:
        """Somebody took the mount off its directory, where another may be by the time of `close`."""
        self._attached = False

    def close(self) -> None:
        """Unmount (lazily, if files are open). Call once, after `serve`."""
        attached = self._attached and not is_over(self._device)
        os.close(self._device)
        if attached:
            unmount(self._plan.mountpoint)
