"""How a mount comes to be, and goes: made by this process, by a helper that it asks, or by whoever passed it a descriptor.

Rule: a mount point that another process mounted is never looked at before it is served; whoever looks waits for us (`docs/containers.md`).
"""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from vfs.control.mountinfo import Life, look, mount_at
from vfs.control.registry import MountOptions
from vfs.control.unmount import unmount
from vfs.daemon.mountpoint import check_directory, check_right
from vfs.daemon.request import MountRequest
from vfs.errors import DaemonError, MountPointRefused, UsageError, VfsError
from vfs.fuse.tuning import Tuning, tune
from vfs.fuse_helper.client import Helper
from vfs.mount_table import KernelMount

_DEVICE: Final = os.makedev(10, 229)
"""`/dev/fuse`: `Documentation/admin-guide/devices.txt` of Linux."""


class Attachment:
    """A mount that this process makes itself; the others differ from it.

    Attributes:
        served: what the transport is given: the mount point, or `/dev/fd/N` of a mount that is there.
        source: shown as the mount's device.
    """

    def __init__(self, mountpoint: Path, options: MountOptions) -> None:
        self._mountpoint = mountpoint
        self._options = options
        self.served = mountpoint
        self.source = ""
        self._made: KernelMount | None = None

    def check(self) -> None:
        """Refuse at once what would be refused when everything else is ready. Raises VfsError."""
        check_directory(self._mountpoint)
        check_right(self._mountpoint, allow_other=self._options.allow_other)

    def attach(self, source: str) -> None:
        """Have it made, if it is not this process that makes it. Raises VfsError: it is not made."""
        self.source = source

    def mounted(self) -> KernelMount | None:
        """It was mounted; the kernel's line of it, if it can be seen from here."""
        self._made = mount_at(self._mountpoint)
        return self._made

    def is_there(self) -> bool:
        """Whether it is on its directory still: nobody has taken it off, or mounted over it."""
        if self._made is None:
            return True
        found = mount_at(self._mountpoint)
        return found is not None and found.device == self._made.device

    def tune(self, read_ahead: int, max_background: int) -> Tuning:
        """Raise the kernel's limits where we may; blocking."""
        mount = mount_at(self._mountpoint)
        if mount is None:
            return Tuning(None, None, ())
        return tune(mount.device, read_ahead, max_background)

    def unmount(self, *, lazy: bool) -> None:
        """Take it off its directory; blocking.

        Raises:
            VfsError: it is busy and `lazy` is false, or it is not ours to take down.
        """
        unmount(self._mountpoint, lazy=lazy)

    def release(self) -> None:
        """Serving ends: nobody else is to be left with a dead mount, if it can be helped."""

    def clear(self) -> None:
        """Serving has ended: take down what was left dead, as `umount -f` leaves a mount that is in use; blocking."""
        if self.is_there() and look(self._mountpoint) is Life.DEAD:
            with contextlib.suppress(VfsError):
                unmount(self._mountpoint, lazy=True)


class Passed(Attachment):
    """A mount that whoever started us has made, and whose descriptor we inherited."""

    def __init__(self, mountpoint: Path, options: MountOptions, number: int) -> None:
        super().__init__(mountpoint, options)
        self._number = number
        self.served = Path(f"/dev/fd/{number}")

    def check(self) -> None:
        """As `Attachment.check`: it must be a descriptor of FUSE's device."""
        check_descriptor(self._number)
        os.set_inheritable(self._number, False)

    def is_there(self) -> bool:
        """As `Attachment.is_there`: that is for whoever made it to know."""
        return True

    def clear(self) -> None:
        """As `Attachment.clear`: it is not ours to take down."""

    def unmount(self, *, lazy: bool) -> None:
        """As `Attachment.unmount`, where we see the mount and may."""
        if mount_at(self._mountpoint) is not None:
            with contextlib.suppress(DaemonError):
                super().unmount(lazy=lazy)
                return
        raise MountPointRefused(
            f"{self._mountpoint} was mounted by another process, which alone can take it down",
            hint=f"unmount it there; `kill {os.getpid()}` ends its daemon and leaves it dead",
        )


class Helped(Attachment):
    """A mount that a helper makes when it is asked (`vfs.fuse_helper`)."""

    def __init__(self, mountpoint: Path, options: MountOptions, socket: Path) -> None:
        super().__init__(mountpoint, options)
        self._helper = Helper(socket)
        self._down = False

    def check(self) -> None:
        """As `Attachment.check`, by the helper."""
        self._helper.check(self._mountpoint, allow_other=self._options.allow_other)

    def attach(self, source: str) -> None:
        """As `Attachment.attach`."""
        super().attach(source)
        options = self._options
        number = self._helper.mount(
            self._mountpoint,
            source,
            allow_other=options.allow_other,
            noexec="noexec" in options.extra,
        )
        self.served = Path(f"/dev/fd/{number}")

    def tune(self, read_ahead: int, max_background: int) -> Tuning:
        """As `Attachment.tune`, by the helper, who may."""
        data = self._helper.tune(read_ahead, max_background)
        return Tuning(data["read_ahead_kib"], data["max_background"], tuple(data["refused"]))

    def is_there(self) -> bool:
        """As `Attachment.is_there`: the helper looks, when it is asked for something."""
        return True

    def clear(self) -> None:
        """As `Attachment.clear`: the helper does it."""

    def unmount(self, *, lazy: bool) -> None:
        """As `Attachment.unmount`, by the helper."""
        try:
            self._helper.unmount(lazy=lazy)
        except DaemonError as error:  # not of this daemon, which goes on
            raise MountPointRefused(error.message, hint=error.hint) from error
        self._down = True

    def release(self) -> None:
        """As `Attachment.release`; the helper would do it once we have ended, but readers would meet a dead mount until then."""
        if not self._down:
            with contextlib.suppress(VfsError):
                self._helper.unmount(lazy=True)


def attachment_for(request: MountRequest) -> Attachment:
    """As the options say. Raises DaemonError: the helper is not there."""
    options = request.options
    if options.fuse_fd is not None:
        return Passed(request.mountpoint, options, options.fuse_fd)
    if options.fuse_socket is not None:
        return Helped(request.mountpoint, options, Path(options.fuse_socket))
    return Attachment(request.mountpoint, options)


def check_descriptor(number: int) -> None:
    """Refuse a descriptor that is none of FUSE's device. Raises UsageError."""
    try:
        found = os.fstat(number)
    except OSError as error:
        raise UsageError(
            f"descriptor {number} is not open here: {error.strerror}",
            hint="whoever starts vfs must pass it on, e.g. with pass_fds of Python's subprocess",
        ) from error
    if not stat.S_ISCHR(found.st_mode) or found.st_rdev != _DEVICE:
        raise UsageError(
            f"descriptor {number} is not one of /dev/fuse",
            hint="open /dev/fuse, mount with its number as fd=, and pass that descriptor",
        )
