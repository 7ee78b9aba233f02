"""Background work that goes on whatever goes wrong in it.

INV: no error of background work ends the daemon: it is logged, with its traceback unless it is a `VfsError`, and costs this one time.
An error that comes again and again is logged once, so that it does not push everything else out of the log.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

import trio

from vfs.errors import only_vfs_error

log = logging.getLogger("vfs.daemon")

Work = Callable[[], Awaitable[object]]


async def once(what: str, work: Work, *, unless: str = "") -> str:
    """Do something; returns what went wrong, "" if nothing did. An error that reads like `unless` is not logged."""
    try:
        await work()
    except Exception as error:
        said = repr(error)
        known = only_vfs_error(error)
        if said == unless:
            log.debug("%s: %s", what, said)
        elif known is not None:
            log.warning("%s: %s", what, known)
        else:
            log.exception("%s failed (this is a bug)", what)
        return said
    return ""


async def repeatedly(seconds: float, what: str, work: Work) -> NoReturn:
    """Do something for ever, after a pause each time; what takes longer than the pause is done half of the time."""
    said, took = "", 0.0
    while True:
        await trio.sleep(max(seconds, took))
        began = trio.current_time()
        said = await once(what, work, unless=said)
        took = trio.current_time() - began
