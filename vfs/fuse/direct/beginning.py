"""How a mount begins, served by nobody yet: mounted, and agreed on with the kernel (INIT); and how its device is given up.

Rule: what cannot be agreed on is a mount that was not made.
"""

import errno
import logging
import os
import select
import tempfile
from pathlib import Path
from typing import Final

from vfs.descriptors import given
from vfs.errors import DaemonError
from vfs.fuse.direct.mounting import is_over, mount, unmount
from vfs.fuse.direct.negotiation import Agreement, negotiate
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

FIRST_SECONDS: Final = 2.0
"""How long is waited for INIT, which the kernel has sent by the time that mount(2) returns."""

_HINT: Final = "a descriptor of /dev/fuse serves one mount, from its beginning on"


def begin(plan: Plan) -> tuple[int, Agreement]:
    """Mount, and answer INIT; returns the device and what was agreed on.

    Raises:
        DaemonError: it cannot be mounted, or there is no agreement with the kernel; then nothing is mounted.
    """
    device = mount(plan)
    try:
        return device, _agree(device, plan)
    except BaseException:
        end(device, plan)
        raise


def end(device: int, plan: Plan, *, attached: bool = True) -> None:
    """Close the device, and take the mount off its directory (lazily, if files are open) if it is ours, is there, and nobody did."""
    attached = attached and given(plan.mountpoint) is None and not is_over(device)
    os.close(device)
    if attached:
        unmount(plan.mountpoint)


def tried() -> Agreement:
    """What would be agreed on, by a mount that is made and taken down at once, on a directory of its own.

    Raises:
        DaemonError: this transport does not work here.
    """
    with tempfile.TemporaryDirectory(prefix="vfs-try-") as directory:
        plan = Plan(Path(directory).resolve(), "vfs-try")
        device, agreed = begin(plan)
        end(device, plan)
    return agreed


def _agree(device: int, plan: Plan) -> Agreement:
    """Answer INIT, once more if the kernel speaks a newer major version."""
    buffer = bytearray(SMALLEST_BUFFER)
    poll = select.poll()
    poll.register(device, select.POLLIN)
    for _ in range(2):
        if not poll.poll(FIRST_SECONDS * 1000):
            break
        try:
            size = os.readv(device, [buffer])
            header = parse_header(buffer, size)
            if header.opcode != Opcode.INIT:
                os.write(device, ANSWER.pack(ANSWER_SIZE, -errno.EIO, header.unique))
                break
            agreed = negotiate(
                buffer, size, read_ahead=plan.read_ahead, max_background=plan.max_background
            )
            head = ANSWER.pack(ANSWER_SIZE + len(agreed.reply), 0, header.unique)
            os.writev(device, (head, agreed.reply))
        except (OSError, Malformed) as error:
            raise _refused(_reason(error)) from error
        if agreed.minor is not None:
            log.info("FUSE protocol 7.%d, flags %#x", agreed.minor, agreed.flags)
            return agreed
    raise _refused("it does not begin with INIT, as a mount does that nobody has served")


def _reason(error: OSError | Malformed) -> str:
    if isinstance(error, OSError):
        if error.errno == errno.EPERM:  # as the kernel answers
            return "nothing is mounted on this descriptor"
        if error.errno in (errno.ENODEV, errno.ECONNABORTED):
            return "the mount has ended"
    return str(error)


def _refused(reason: str) -> DaemonError:
    return DaemonError(f"no agreement with the kernel's FUSE: {reason}", hint=_HINT)
