"""The system calls that Python 3.11 lacks; each raises OSError. Numbers are those of `linux/mount.h`, `linux/sched.h`, `linux/prctl.h`."""

import ctypes
import os

NEW_NAMESPACE = 0x0002_0000
NEW_USER = 0x1000_0000

NOSUID = 0x2
NODEV = 0x4
NOEXEC = 0x8
NOATIME = 0x400
BIND = 0x1000
RECURSIVE = 0x4000
PRIVATE = 0x40000

DETACH = 2

_PARENT_DEATH = 1
_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """This process gets namespaces of its own."""
    _check(_libc.unshare(ctypes.c_int(flags)))


def mount(source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes) -> None:
    """Mount, bind, or change how mounts propagate."""
    _check(_libc.mount(source, target, kind, ctypes.c_ulong(flags), options), target)


def detach(target: bytes) -> None:
    """Take a mount down, and those on it; what is open stays open."""
    _check(_libc.umount2(target, ctypes.c_int(DETACH)), target)


def die_with_parent(number: int) -> None:
    """The signal this process gets when its parent has ended."""
    _check(_libc.prctl(_PARENT_DEATH, ctypes.c_ulong(number), 0, 0, 0))


def adopt_orphans() -> None:
    """Descendants whose parent has ended become children of this process."""
    _check(_libc.prctl(_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0))


def _check(result: int, path: bytes = b"") -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fsdecode(path))
