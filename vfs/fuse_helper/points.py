"""Making and taking down mounts below the directories that a helper was given.

Rule: a directory is reached through a descriptor that was opened when the helper started, its child by name and never through a symlink. Whether
something is mounted there, and what, is asked of the kernel's table; nothing here waits for the daemon of a mount.
"""

import errno
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from vfs.control.mountinfo import mount_at
from vfs.errors import DaemonError, MountPointRefused
from vfs.fuse_helper.orders import Order, options
from vfs.mount_table import FILE_SYSTEM, TABLE, KernelMount, all_mounts, vfs_mounts
from vfs.sandbox import kernel

_PLACE: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEVICE: Final = Path("/dev/fuse")
_PATH: Final = "/usr/bin:/bin"
_LOOK_SECONDS: Final = 2.0


class Made(NamedTuple):
    """A mount that the helper made.

    Attributes:
        order: what was asked for.
        device: `major:minor`, by which the kernel's table tells it from others.
        directory_made: whether its mount point was made for it.
    """

    order: Order
    device: str
    directory_made: bool


class Points:
    """The mount points of one helper."""

    def __init__(self, directories: Sequence[Path]) -> None:
        """Open the allowed directories. Raises MountPointRefused: one cannot be used."""
        self._open: dict[bytes, int] = {}
        self._real: dict[bytes, Path] = {}
        for directory in directories:
            try:
                number = os.open(directory, _PLACE)
            except OSError as error:
                raise MountPointRefused(
                    f"{directory}: mounts cannot be made below it: {error.strerror}",
                    hint="name an existing directory, absolute",
                ) from error
            real = Path(os.path.realpath(directory))
            for name in {os.fsencode(directory), os.fsencode(real)}:
                self._open[name], self._real[name] = number, real

    @property
    def directories(self) -> tuple[bytes, ...]:
        """Each allowed directory by the names it may be called."""
        return tuple(self._open)

    def unseen(self) -> list[Path]:
        """Directories whose mounts nobody outside of this mount namespace will see: they are not on a shared mount."""
        return [real for name, real in self._real.items() if not _is_shared(self._open[name])]

    def check(self, order: Order) -> None:
        """Refuse what cannot be mounted on; a dead mount of vfs that is in the way is taken down first.

        Raises:
            MountPointRefused: something is mounted there, or it is no empty directory.
        """
        path = self._path(order)
        found = mount_at(path)
        if found is not None and _is_dead(found):
            self._detach(order)
        if os.fsencode(path) in {point for point, _ in all_mounts()}:
            raise MountPointRefused(f"something is mounted on {path}", hint="choose another name")
        try:
            number = os.open(order.name, _READ, dir_fd=self._open[order.directory])
        except FileNotFoundError:
            return
        except OSError as error:
            why = "it is no directory" if error.errno in (errno.ENOTDIR, errno.ELOOP) else None
            raise MountPointRefused(
                f"cannot mount on {path}: {why or error.strerror}", hint="choose another name"
            ) from error
        try:
            if os.listdir(number):
                raise MountPointRefused(
                    f"mount point {path} is not empty", hint="mounting would hide what is there"
                )
        finally:
            os.close(number)

    def mount(self, order: Order, uid: int, gid: int) -> tuple[Made, int]:
        """Mount; what was made, and the device's descriptor, which the caller closes.

        Raises:
            MountPointRefused: as `check`.
            DaemonError: the kernel refuses.
        """
        self.check(order)
        made = self._make_directory(order)
        try:
            fuse = os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            self._remove_directory(order, made)
            raise DaemonError(f"the helper cannot open {_DEVICE}: {error.strerror}") from error
        try:
            self._mount(order, options(fuse, uid, gid, allow_other=order.allow_other))
            found = mount_at(self._path(order))
            if found is None:
                raise DaemonError(f"the mount on {self._path(order)} is gone already")
        except BaseException:
            os.close(fuse)
            self._remove_directory(order, made)
            raise
        return Made(order, found.device, made), fuse

    def unmount(self, made: Made, *, lazy: bool) -> None:
        """Take a mount of ours down, unless it is gone already.

        Raises:
            MountPointRefused: it is busy, and `lazy` is false.
            DaemonError: the kernel refuses.
        """
        path = self._path(made.order)
        found = mount_at(path)
        if found is not None and found.device == made.device:
            try:
                self._detach(made.order, kernel.DETACH if lazy else 0)
            except OSError as error:
                if error.errno == errno.EBUSY:
                    raise MountPointRefused(
                        f"{path} is busy: a process has files open or its working directory there",
                        hint="`vfs umount --lazy` detaches all the same",
                    ) from error
                raise DaemonError(f"cannot unmount {path}: {error.strerror}") from error
        self._remove_directory(made.order, made.directory_made)

    def sweep(self) -> list[Path]:
        """Take down dead mounts of vfs that an earlier helper left; returns where."""
        swept = []
        for mount in vfs_mounts():
            parent, name = os.path.split(os.fsencode(mount.path))
            if parent in self._open and _is_dead(mount):
                self._detach(Order(parent, name, b"", False, False))
                swept.append(mount.path)
        return swept

    def _mount(self, order: Order, data: bytes) -> None:
        number = os.open(order.name, _PLACE | os.O_NOFOLLOW, dir_fd=self._open[order.directory])
        flags = kernel.READ_ONLY | kernel.NOSUID | kernel.NODEV
        flags |= kernel.NOEXEC if order.noexec else 0
        try:
            target = b"/proc/self/fd/%d" % number
            kernel.mount(order.source, target, FILE_SYSTEM.encode(), flags, data)
        except OSError as error:
            raise DaemonError(
                f"the helper cannot mount on {self._path(order)}: {error.strerror}",
                hint="it must run as root with CAP_SYS_ADMIN; AppArmor may forbid it all the same",
            ) from error
        finally:
            os.close(number)

    def _detach(self, order: Order, flags: int = kernel.DETACH) -> None:
        place = b"/proc/self/fd/%d/%s" % (self._open[order.directory], order.name)
        kernel.unmount(place, flags | kernel.NO_FOLLOW)

    def _path(self, order: Order) -> Path:
        """As the kernel's table has it."""
        return self._real[order.directory] / os.fsdecode(order.name)

    def _make_directory(self, order: Order) -> bool:
        try:
            os.mkdir(order.name, 0o755, dir_fd=self._open[order.directory])
        except FileExistsError:
            return False
        except OSError as error:
            raise MountPointRefused(f"{self._path(order)}: {error.strerror}") from error
        return True

    def _remove_directory(self, order: Order, made: bool) -> None:
        if made:
            try:
                os.rmdir(order.name, dir_fd=self._open[order.directory])
            except OSError as error:  # somebody mounted or wrote there since
                if error.errno not in (errno.EBUSY, errno.ENOTEMPTY, errno.ENOENT):
                    raise


def _is_dead(mount: KernelMount) -> bool:
    """Whether the daemon of a mount is gone. Asked as the user whose it is: the kernel tells nobody else, root included."""
    try:
        done = subprocess.run(
            ["stat", "--file-system", "--", mount.path],
            user=mount.uid,
            group=mount.gid,
            extra_groups=[],
            env={"LC_ALL": "C", "PATH": _PATH},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LOOK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return os.strerror(errno.ENOTCONN).encode() in done.stderr


def _is_shared(directory: int) -> bool:
    """Whether mounts made below an open directory propagate. Format: `proc_pid_fdinfo(5)`, `proc_pid_mountinfo(5)`."""
    found = re.search(
        r"^mnt_id:\s*(\d+)$", Path(f"/proc/self/fdinfo/{directory}").read_text(), re.M
    )
    for line in Path(TABLE).read_bytes().splitlines():
        fields = line.partition(b" - ")[0].split(b" ")
        if found is not None and fields[0] == found[1].encode():
            return any(field.startswith(b"shared:") for field in fields[6:])
    return False
