"""Which transport serves a mount.

`direct` where it works, else `pyfuse3`; whoever names one gets that one or an error. pyfuse3 is imported only if it serves: it
costs a daemon memory and its start time.
"""

import logging
from typing import Final

from vfs.descriptors import given
from vfs.errors import DaemonError
from vfs.fs.filesystem import FileSystem
from vfs.fuse.direct.transport import DirectTransport
from vfs.fuse.transport import Plan, Transport

log = logging.getLogger("vfs.fuse")

AUTO: Final = "auto"
DIRECT: Final = "direct"


def mounted(kind: str, filesystem: FileSystem, plan: Plan) -> tuple[Transport, str | None]:
    """Mount, by a kind of transport or the best that works.

    Returns:
        The transport, and why it is not the fastest one, if it is not though nobody asked for it.

    Raises:
        DaemonError: it cannot be mounted.
    """
    notice = None
    if kind in (AUTO, DIRECT):
        direct = DirectTransport(filesystem, plan)
        try:
            direct.mount()
        except DaemonError as error:
            if kind == DIRECT or given(plan.mountpoint) is not None:  # INIT comes once
                raise
            notice = f"served through pyfuse3, which is slower: {error.message}"
        else:
            return direct, None
    from vfs.fuse.libfuse.transport import LibfuseTransport

    transport = LibfuseTransport(filesystem, plan)
    transport.mount()
    if notice:
        log.info("%s", notice)
    return transport, notice
