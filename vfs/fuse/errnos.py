"""The one place where errors become errnos for the kernel.

INV: every handler is wrapped with it. A domain error becomes its errno; a bug costs one EIO and a traceback in the log, and the mount lives on.
"""

import errno
import logging
from collections.abc import Callable

from vfs.errors import VfsError
from vfs.fs.errors import FsError
from vfs.log.requests import told

log = logging.getLogger("vfs.fuse")


def errno_of(error: Exception, handler: str, failed: Callable[[], None]) -> int:
    """The errno of what a handler raised; logs what deserves it.

    Args:
        error: what was raised.
        handler: what raised it, for the log.
        failed: called if it is no ordinary answer (such as an absent name).
    """
    if isinstance(error, VfsError):
        if not isinstance(error, FsError):
            failed()
        if error.log_level > logging.DEBUG:
            told(log, handler, error)
        return error.errno
    failed()
    log.error("internal error in %s (this is a bug)", handler, exc_info=error)
    return errno.EIO
