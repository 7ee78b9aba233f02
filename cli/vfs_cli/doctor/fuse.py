"""Checks of FUSE: may we mount, and how fast.

Sources: fuse(4), fusermount3(1), `Documentation/filesystems/fuse.rst` of Linux (fusectl, max_background), sysfs bdi.
Each function takes the places it looks at, so that tests can show it any machine.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vfs.errors import DaemonError
from vfs.mount_table import KernelMount
from vfs_cli.doctor.finding import Finding, bad, note, ok

if TYPE_CHECKING:
    from vfs.fuse.direct.negotiation import Agreement

_CAP_SYS_ADMIN = 21  # <linux/capability.h>


def fuse_device(device: Path = Path("/dev/fuse")) -> Finding:
    """Can the FUSE device be opened?"""
    name = "fuse-device"
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        return bad(
            name,
            f"{device} does not exist",
            "sudo modprobe fuse; in a container: --device /dev/fuse",
        )
    except PermissionError:
        return bad(name, f"{device} may not be opened by this user", f"sudo chmod 0666 {device}")
    except OSError as error:
        reason = f"{device} cannot be opened: {error.strerror}"
        return bad(name, reason, "in a container: --device /dev/fuse --cap-add SYS_ADMIN")
    return ok(name, f"{device} can be opened")


def fusermount(path: str | None = None) -> Finding:
    """Is the setuid helper there that mounts for an ordinary user?"""
    name = "fusermount3"
    helper = shutil.which("fusermount3", path=path)
    if helper is None:
        there = shutil.which("fusermount3", os.F_OK, path)
        if there is not None:
            fix = f"join the group of {there}, or: sudo chmod 4755 {there}"
            return bad(name, f"{there} may not be run by this user", fix)
        return bad(name, "fusermount3 is not installed", "sudo apt-get install fuse3")
    if os.geteuid() != 0 and not os.stat(helper).st_mode & 0o4000:
        return bad(name, f"{helper} is not setuid root", f"sudo chmod u+s {helper}")
    return ok(name, f"{helper} is installed")


def right_to_mount(status: Path = Path("/proc/self/status")) -> Finding:
    """Has this process, or the setuid helper it would start, the capability to mount?

    Containers take it away from root as well. Of the bounding set, because that is what a setuid program can get.
    """
    name = "right-to-mount"
    try:
        found = re.search(r"^CapBnd:\s*([0-9a-f]+)$", status.read_text(), re.MULTILINE)
    except OSError:
        found = None
    if found is not None and not int(found[1], 16) >> _CAP_SYS_ADMIN & 1:
        fix = "in a container: --device /dev/fuse --cap-add SYS_ADMIN"
        return bad(name, "nobody may mount here: the capability CAP_SYS_ADMIN was taken away", fix)
    return ok(name, "mounting is not forbidden")


def transport(kind: str, tried: "Callable[[], Agreement] | None" = None) -> Finding:
    """Which transport would serve a mount here, by `mount.transport`, and why? Tries the direct one: makes a mount and takes it down."""
    from vfs.fuse.direct.beginning import tried as try_it
    from vfs.fuse.direct.negotiation import TooOld

    name = "transport"
    try:
        agreed = (tried or try_it)()
    except TooOld as error:
        if kind == "direct":
            return bad(name, error.message, "vfs config mount.transport auto")
        return note(name, f"mounts are served through pyfuse3, which is slower: {error.message}")
    except DaemonError as error:
        fix = "mend what is said of fuse-device, fusermount3 and right-to-mount"
        return bad(name, f"no mount can be made: {error.message}", fix)
    if kind == "pyfuse3":
        return note(
            name,
            "mounts are served through pyfuse3, as mount.transport says; the direct transport works here and is faster",
            "vfs config mount.transport auto",
        )
    how = f"FUSE protocol 7.{agreed.minor}"
    return ok(
        name, f"mounts are served on /dev/fuse itself (direct, {how}); -o allow_root takes pyfuse3"
    )


def allow_other(config: Path = Path("/etc/fuse.conf"), uid: int | None = None) -> Finding:
    """May an ordinary user let others read a mount?"""
    name = "allow-other"
    if (os.geteuid() if uid is None else uid) == 0:
        return ok(name, "root may use -o allow_other")
    try:
        text = config.read_text(errors="replace")
    except OSError:
        text = ""
    if re.search(r"^\s*user_allow_other\s*$", text, re.MULTILINE):
        return ok(name, f"user_allow_other is set in {config}")
    return note(
        name,
        f"-o allow_other is refused: user_allow_other is not set in {config}",
        f"echo user_allow_other | sudo tee -a {config}",
    )


def read_ahead(
    mounts: Sequence[KernelMount], wanted: int, root: Path = Path("/sys/class/bdi")
) -> Iterator[Finding]:
    """Does each mount have the kernel read-ahead that sequential reading wants (`wanted` in bytes)?"""
    for mount in mounts:
        knob = root / mount.device / "read_ahead_kb"
        yield _knob("read-ahead", mount, knob, wanted >> 10, "KiB of kernel read-ahead")


def max_background(
    mounts: Sequence[KernelMount], wanted: int, root: Path = Path("/sys/fs/fuse/connections")
) -> Iterator[Finding]:
    """Is fusectl mounted, and does each mount let enough requests be in flight?"""
    name = "max-background"
    if not root.is_dir():
        yield note(name, "the kernel has no FUSE module loaded", "sudo modprobe fuse")
        return
    if mounts and not any(root.iterdir()):
        yield note(name, f"fusectl is not mounted at {root}", f"sudo mount -t fusectl none {root}")
        return
    for mount in mounts:
        knob = root / mount.device.partition(":")[2] / "max_background"
        yield _knob(name, mount, knob, wanted, "requests in flight")


def _knob(name: str, mount: KernelMount, knob: Path, wanted: int, unit: str) -> Finding:
    try:
        now = int(knob.read_text())
    except (OSError, ValueError):
        return note(name, f"{mount.path}: {knob} cannot be read")
    if now >= wanted:
        return ok(name, f"{mount.path}: {now} {unit}")
    return note(
        name, f"{mount.path}: {now} {unit} instead of {wanted}", f"echo {wanted} | sudo tee {knob}"
    )


def dead_mounts(dead: Sequence[KernelMount]) -> Iterator[Finding]:
    """Mounts whose daemon died; everything that looks at them fails or hangs."""
    name = "dead-mounts"
    for mount in dead:
        yield bad(name, f"{mount.path}: its daemon is gone", f"vfs umount {mount.path}")
    if not dead:
        yield ok(name, "no mount without a daemon")
