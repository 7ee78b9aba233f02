"""The system calls that Python 3.11 lacks; each raises OSError. Numbers are those of `linux/mount.h`, `linux/sched.h`, `linux/prctl.h`."""

import ctypes
import os

NEW_NAMESPACE = 0x0002_0000
NEW_USER = 0x1000_0000

READ_ONLY = 0x1
NOSUID = 0x2
NODEV = 0x4
NOEXEC = 0x8
NOATIME = 0x400
BIND = 0x1000
RECURSIVE = 0x4000
PRIVATE = 0x40000

DETACH = 2
NO_FOLLOW = 8

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
    unmount(target, DETACH)


def unmount(target: bytes, flags: int) -> None:
    """Take a mount down; OSError with EBUSY while it is in use, unless it is only detached."""
    _check(_libc.umount2(target, ctypes.c_int(flags)), target)


def die_with_parent(number: int) -> None:
    """The signal this process gets when its parent has ended."""
    _check(_libc.prctl(_PARENT_DEATH, ctypes.c_ulong(number), 0, 0, 0))


def adopt_orphans() -> None:
    """Descendants whose parent has ended become children of this process."""
    _check(_libc.prctl(_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0))


def inotify() -> int:
    """A queue of events, not waited for."""
    return _number(_libc.inotify_init1(ctypes.c_int(os.O_NONBLOCK | os.O_CLOEXEC)))


def add_watch(queue: int, path: bytes, events: int) -> int:
    """Have events of a path put into a queue; the number they will carry."""
    return _number(_libc.inotify_add_watch(queue, path, ctypes.c_uint32(events)), path)


def file_system(number: int) -> int:
    """The type of the file system that something open is on, as `linux/magic.h` has it."""
    found = ctypes.create_string_buffer(256)  # `struct statfs` begins with it, as a word
    _check(_libc.fstatfs(number, found))
    return int(ctypes.c_ulong.from_buffer(found).value)


def _number(result: int, path: bytes = b"") -> int:
    _check(result < 0, path)
    return result


def _check(result: int, path: bytes = b"") -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fsdecode(path))
