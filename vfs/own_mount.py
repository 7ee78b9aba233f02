"""The mount that this process serves: its files are not among those that it reads.

Rule: whatever a daemon opens, looks at or walks because a repository or its configuration names it (caches, remotes, import sources)
goes through here; working trees leave out all mounts (`vfs.mount_table`). A mount point is compared with its own daemon's places when it is mounted; a switch, `.snapshots`, an
edited `config.local`, a symlink or a bind mount may name it later, and then the daemon would wait for itself.

Paths below the mount point are refused by their names, without a look at them. All others are gone through component by component, and
refused as soon as one is on the mount's device: its root is the first, and is opened and looked at without a request to its daemon.
Thread-safe. A process that serves no mount refuses nothing.
"""

import errno
import os
import stat
from ctypes import CDLL, create_string_buffer, get_errno
from struct import Struct
from typing import Final

from vfs.descriptors import again

AnyPath = str | bytes | os.PathLike[str]

WHY: Final = "it is on the mount that would be reading it"

MOST_LINKS: Final = 40
"""Symlinks in one path, as the kernel has it."""

_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_EMPTY_PATH, _DONT_SYNC = 0x1000, 0x4000  # AT_…
_STATX: Final = Struct("=28xH106xII112x")  # mode, device

_served: tuple[bytes, int] | None = None
_libc: CDLL | None = None


def serve(mountpoint: AnyPath | None, device: int = 0) -> None:
    """From now on this process serves a mount at a path (absolute, resolved) on a device; None: none."""
    global _served, _libc
    _libc = _libc or CDLL(None, use_errno=True)
    _served = None if mountpoint is None else (os.fsencode(mountpoint), device)


def open_other(path: AnyPath, flags: int, *, dir_fd: int | None = None) -> int:
    """As `os.open`, for reading.

    Raises:
        OSError: EDEADLK if it is on the own mount; else as `os.open`.
    """
    return again(_open_other, path, flags, dir_fd)


def _open_other(path: AnyPath, flags: int, dir_fd: int | None) -> int:
    if _served is None:
        return os.open(path, flags, dir_fd=dir_fd)
    found = _look(path, *_served, follow=not flags & os.O_NOFOLLOW, dir_fd=dir_fd)
    try:
        if flags & os.O_NOFOLLOW and stat.S_ISLNK(_facts(found)[0]):
            wrong = errno.ENOTDIR if flags & os.O_DIRECTORY else errno.ELOOP
            raise OSError(wrong, os.strerror(wrong), path)
        return os.open(f"/proc/self/fd/{found}", flags & ~os.O_NOFOLLOW)
    finally:
        os.close(found)


def stat_other(path: AnyPath) -> os.stat_result:
    """As `os.stat`. Raises OSError as `open_other` does."""
    if _served is None:
        return os.stat(path)
    found = _look(path, *_served, follow=True)
    try:
        return os.fstat(found)
    finally:
        os.close(found)


def holds(path: AnyPath) -> bool:
    """Whether something is on the own mount; what is not there at all is not."""
    if _served is None:
        return False
    try:
        os.close(_look(path, *_served, follow=True))
    except OSError as error:
        return error.errno == errno.EDEADLK
    return False


def _look(
    path: AnyPath, mountpoint: bytes, device: int, *, follow: bool, dir_fd: int | None = None
) -> int:
    """An O_PATH descriptor of what a path names, of a symlink itself unless `follow`. Raises OSError as `open_other` does."""
    name = os.fsencode(path)
    if dir_fd is None and (name + b"/").startswith(mountpoint + b"/"):
        raise OSError(errno.EDEADLK, WHY)
    here, left, links = -1, _components(name), 0
    try:
        here = os.open(b".", _LOOK, dir_fd=dir_fd)
        while left:
            below = os.open(left.pop(), _LOOK, dir_fd=here)
            mode, there = _facts(below)
            if there == device:
                os.close(below)
                raise OSError(errno.EDEADLK, WHY)
            if stat.S_ISLNK(mode) and (left or follow):
                links += 1
                left += _target(below, path, links)
                continue
            os.close(here)
            here = below
    except BaseException:
        if here >= 0:
            os.close(here)
        raise
    return here


def _components(path: bytes) -> list[bytes]:
    """The steps of a path, the last one first."""
    steps = [step for step in path.split(b"/") if step]
    if not path:
        steps = [b""]  # as the kernel: there is no such file
    if path.endswith(b"/"):
        steps.append(b".")  # only a directory may stand before it
    if path.startswith(b"/"):
        steps.insert(0, b"/")
    return steps[::-1]


def _target(link: int, path: AnyPath, links: int) -> list[bytes]:
    """The steps of a symlink's target; closes its descriptor."""
    try:
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        return _components(os.readlink(b"", dir_fd=link))
    finally:
        os.close(link)


def _facts(descriptor: int) -> tuple[int, int]:
    """Mode and device of what is open, without a request to whoever serves it; what is asked for is nothing, so nobody refuses it."""
    assert _libc is not None
    found = create_string_buffer(_STATX.size)
    if _libc.statx(descriptor, b"", _EMPTY_PATH | _DONT_SYNC, 0, found):
        raise OSError(get_errno(), os.strerror(get_errno()))
    mode, major, minor = _STATX.unpack(found.raw)
    return mode, os.makedev(major, minor)
