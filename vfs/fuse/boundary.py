"""The one place where errors become errnos for the kernel.

INV: every handler is wrapped. A domain error becomes its errno; a bug costs one EIO and a traceback in the log, and the mount lives
on (any exception but FUSEError that leaves a handler ends pyfuse3's loop and with it the mount).
"""

import errno
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pyfuse3

from vfs.errors import VfsError
from vfs.fs.errors import FsError
from vfs.log.requests import told

log = logging.getLogger("vfs.fuse")

HANDLERS = {
    name for name, member in vars(pyfuse3.Operations).items() if inspect.iscoroutinefunction(member)
}


def boundary(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wrap one handler; see the module's rule."""

    @functools.wraps(handler)
    async def guarded(operations: "Guarded", *args: Any) -> Any:
        try:
            return await handler(operations, *args)
        except pyfuse3.FUSEError:
            raise
        except VfsError as error:
            if not isinstance(error, FsError):
                operations.failed()
            if error.log_level > logging.DEBUG:
                told(log, handler.__name__, error)
            raise pyfuse3.FUSEError(error.errno) from None
        except Exception as error:
            operations.failed()
            log.exception("internal error in %s (this is a bug)", handler.__name__)
            raise pyfuse3.FUSEError(errno.EIO) from error

    return guarded


class Guarded(pyfuse3.Operations):
    """Operations whose handlers are all wrapped; no sub-class can forget one."""

    def failed(self) -> None:
        """A request ends with an error that is no ordinary answer (such as an absent name)."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in HANDLERS & vars(cls).keys():
            setattr(cls, name, boundary(vars(cls)[name]))
