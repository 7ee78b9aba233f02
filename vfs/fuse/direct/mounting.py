"""Mounting without libfuse: by mount(2) where we may, else through fusermount3; or on a descriptor that somebody else mounted.

Each gives a descriptor of `/dev/fuse`, which does not block and is not inherited.

Source: `fuse(4)`, `fusermount3(1)`, `Documentation/filesystems/fuse.rst`; the helper hands the descriptor over the socket that `_FUSE_COMMFD` names.
"""

import contextlib
import errno
import os
import select
import socket
import subprocess
from pathlib import Path
from typing import Final

from vfs.config.environment import environment
from vfs.descriptors import again, given
from vfs.errors import DaemonError
from vfs.fuse.direct.negotiation import LARGEST_READ
from vfs.fuse.transport import SUBTYPE, Plan
from vfs.sandbox import kernel

_DEVICE: Final = "/dev/fuse"
_HELPER: Final = "fusermount3"
_SECONDS: Final = 30
_FLAGS: Final = {
    "ro": kernel.READ_ONLY,
    "nosuid": kernel.NOSUID,
    "nodev": kernel.NODEV,
    "noexec": kernel.NOEXEC,
}
_ALWAYS: Final = frozenset({"nosuid", "nodev"})
_HINT: Final = "run `vfs doctor`: it checks /dev/fuse, fusermount3 and /etc/fuse.conf"


def mount(plan: Plan) -> int:
    """Mount; returns the descriptor that requests come from.

    Raises:
        DaemonError: with the reason that the kernel or the helper gave.
    """
    options = plan.all_options
    if "allow_root" in options:
        raise DaemonError(
            "-o allow_root is libfuse's own check at each open, and the direct transport has no opens",
            hint="vfs mount --transport pyfuse3, or -o allow_other",
        )
    number = given(plan.mountpoint)
    if number is not None:
        return _taken(number)
    if os.geteuid() == 0:
        try:
            return again(_mount_2, plan, options)
        except OSError as error:
            if error.errno != errno.EPERM:
                raise _refused(plan, error.strerror or str(error)) from error
    try:
        return again(_helped, plan, options)
    except OSError as error:  # a group that this user is not in, too little memory
        raise _refused(plan, f"{_HELPER}: {error.strerror or error}") from error


def _taken(descriptor: int) -> int:
    try:
        os.set_blocking(descriptor, False)
        os.set_inheritable(descriptor, False)
    except OSError as error:
        raise DaemonError(
            f"/dev/fd/{descriptor}: {error.strerror}",
            hint="whoever starts vfs opens /dev/fuse, mounts that descriptor, and leaves it open",
        ) from error
    return descriptor


def _mount_2(plan: Plan, options: frozenset[str]) -> int:
    device = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        flags = sum(flag for name, flag in _FLAGS.items() if name in options | _ALWAYS)
        words = [
            f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}",
            f"max_read={LARGEST_READ}",
            *sorted(options - _FLAGS.keys()),
        ]
        source = plan.source.encode("ascii", "replace").replace(b"\0", b"?")
        target = os.fsencode(plan.mountpoint)
        kernel.mount(source, target, b"fuse." + SUBTYPE.encode(), flags, ",".join(words).encode())
    except BaseException:
        os.close(device)
        raise
    return device


def _helped(plan: Plan, options: frozenset[str]) -> int:
    words = [
        f"fsname={plan.escaped_source}",
        f"subtype={SUBTYPE}",
        f"max_read={LARGEST_READ}",
        *sorted(options | _ALWAYS),
    ]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        command = [_HELPER, "-o", ",".join(words), "--", str(plan.mountpoint)]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                pass_fds=[theirs.fileno()],
                env={**environment(), "_FUSE_COMMFD": str(theirs.fileno())},
            )
        except FileNotFoundError as error:
            raise _refused(plan, f"{_HELPER} is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise _refused(plan, f"{_HELPER} did not come back within {_SECONDS} s") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").split("\n")
            reason = "; ".join(line.strip() for line in said if line.strip())
            raise _refused(plan, reason or f"{_HELPER} ended with {done.returncode}")
        ours.setblocking(False)
        try:
            _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        except OSError as error:
            raise _refused(plan, f"{_HELPER} handed nothing over") from error
    if not descriptors:
        raise _refused(plan, f"{_HELPER} handed nothing over")
    return _taken(descriptors[0])


def _refused(plan: Plan, reason: str) -> DaemonError:
    return DaemonError(f"cannot mount on {plan.mountpoint}: {reason}", hint=_HINT)


def is_over(device: int) -> bool:
    """Whether a device was unmounted or aborted."""
    poll = select.poll()
    poll.register(device, select.POLLIN)
    return any(events & (select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0))


def unmount(mountpoint: Path) -> None:
    """Take a mount off its directory, whose device is closed: what is open there gets errors from now on."""
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):
            kernel.detach(os.fsencode(mountpoint))
            return
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            [_HELPER, "-u", "-q", "-z", "--", str(mountpoint)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
