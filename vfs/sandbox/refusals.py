"""Why a private view is not possible: from the step that failed to what can be done about it."""

import errno
import os
import re
from pathlib import Path
from typing import Final

from vfs.errors import Unsupported
from vfs.mount_table import all_mounts

_IN_PLACE: Final = "run with --in-place"
_SETTINGS: Final = (
    ("kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=10000"),
    ("user/max_mnt_namespaces", "0", "sudo sysctl user.max_mnt_namespaces=10000"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
"""What forbids user namespaces, below /proc/sys: the value that does, and what mends it."""
_NO_UPPER: Final = ("overlay", "fuse", "nfs", "cifs", "smb", "9p", "virtiofs", "vfat", "exfat")


def refused(step: str, number: int, path: bytes, tree: bytes, scratch: bytes) -> Unsupported:
    """The error for a step of `vfs.sandbox.mounts` that failed with an errno."""
    if step in ("namespace", "map", "private"):
        return _no_namespace(number)
    if step == "overlay":
        return _no_overlay(number, tree, scratch)
    where = f" {os.fsdecode(path)}" if path else ""
    return Unsupported(
        f"no private view: {step}{where}: {os.strerror(number)}", hint=f"or {_IN_PLACE}"
    )


def no_whiteout() -> Unsupported:
    """A container's filter of system calls may forbid what any user may."""
    return Unsupported(
        "no private view: whiteouts (mknod of a character device 0/0) are forbidden here",
        hint=f"in a container: allow the system call mknod, or {_IN_PLACE}",
    )


def unsuitable(scratch: bytes) -> Unsupported | None:
    """Whether the overlay cannot write there: what it would only notice in the middle of a run."""
    name = "user.vfs.test"
    try:
        os.setxattr(scratch, name, b"y")
        os.removexattr(scratch, name)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return _no_upper(scratch, "has no extended attributes for users")
        raise
    return None


def _no_namespace(number: int) -> Unsupported:
    message = "no private view: this user may not have a mount namespace"
    for name, value, command in _SETTINGS:
        try:
            found = Path("/proc/sys", name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if found == value:
            setting = name.replace("/", ".")
            return Unsupported(
                f"{message} ({setting} is {value})", hint=f"{command}, or {_IN_PLACE}"
            )
    if number == errno.ENOSPC:
        return Unsupported(
            f"{message}: there are too many namespaces",
            hint=f"sudo sysctl user.max_user_namespaces=10000, or {_IN_PLACE}",
        )
    return Unsupported(
        f"{message} ({os.strerror(number)})",
        hint=f"in a container: start it with --cap-add SYS_ADMIN, or {_IN_PLACE}",
    )


def _no_overlay(number: int, tree: bytes, scratch: bytes) -> Unsupported:
    if number == errno.ENODEV:
        return Unsupported(
            "no private view: this kernel has no overlayfs",
            hint=f"sudo modprobe overlay, or {_IN_PLACE}",
        )
    if _kernel() < (5, 11):
        return Unsupported(
            f"no private view: it takes Linux 5.11, and this is {os.uname().release}",
            hint=_IN_PLACE,
        )
    if number in (errno.EPERM, errno.EACCES):
        return _no_namespace(number)
    kind = file_system(scratch)
    if any(kind == name or kind.startswith((f"{name}.", name)) for name in _NO_UPPER):
        return _no_upper(scratch, f"is on {kind}, where an overlay cannot write")
    mounted = _mounted_below(tree)
    if mounted and os.geteuid():
        return Unsupported(
            f"no private view: {os.fsdecode(mounted)} is a mount in the working tree; an overlay made by an ordinary user cannot lie over one",
            hint=f"unmount it, or mount it elsewhere, or {_IN_PLACE}",
        )
    return Unsupported(
        f"no private view of {os.fsdecode(tree)} (on {file_system(tree)}) with {os.fsdecode(scratch)} (on {kind}): {os.strerror(number)}",
        hint=f"the last lines of dmesg tell what the kernel refused; or {_IN_PLACE}",
    )


def _no_upper(scratch: bytes, why: str) -> Unsupported:
    return Unsupported(
        f"no private view: {os.fsdecode(scratch)} {why}",
        hint=f"work in a directory on ext4, xfs, btrfs or tmpfs (Linux 6.6), or {_IN_PLACE}",
    )


def _kernel() -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def file_system(path: bytes) -> str:
    """The type of the file system that a path is on, as the mount table has it; `?` if it is not there."""
    real = os.path.realpath(path) + b"/"
    best, kind = b"", "?"
    for point, name in all_mounts():
        top = point.rstrip(b"/") + b"/"
        if real.startswith(top) and len(top) >= len(best):
            best, kind = top, name
    return kind


def _mounted_below(tree: bytes) -> bytes | None:
    top = os.path.realpath(tree).rstrip(b"/") + b"/"
    return next((point for point, _ in all_mounts() if point.startswith(top)), None)
