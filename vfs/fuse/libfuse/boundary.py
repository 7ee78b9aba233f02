"""Every handler of pyfuse3 wrapped: any exception but FUSEError that leaves one ends pyfuse3's loop and with it the mount."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pyfuse3

from vfs.fuse.errnos import errno_of

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
        except Exception as error:
            raise pyfuse3.FUSEError(errno_of(error, handler.__name__, operations.failed)) from None

    return guarded


class Guarded(pyfuse3.Operations):
    """Operations whose handlers are all wrapped; no sub-class can forget one."""

    def failed(self) -> None:
        """A request ends with an error that is no ordinary answer (such as an absent name)."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in HANDLERS & vars(cls).keys():
            setattr(cls, name, boundary(vars(cls)[name]))
