"""Which request a line of the log belongs to.

Rules:
  * The id is a context variable: tasks that are started and worker threads inherit it (trio copies the context), so nobody hands it on. Work that is
    queued keeps the id of who asked for it, and takes it up again (`resume`).
  * Only requests that do more than answer from memory have one.
  * An error carries the id of the request that it ended, and the path that was meant, so that who logs it later can still tell (`of`, `told`).
"""

import itertools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from typing import Any, Final

from vfs.errors import VfsError

_REQUEST: Final[ContextVar[str]] = ContextVar("vfs-request", default="")
_NUMBERS: Final = itertools.count(1)
FIELDS: Final = "vfs_about"
"""The attribute of a record that holds what it is about."""

_ATTRIBUTE: Final = "vfs_request"
_PATH: Final = "vfs_path"


def about(**fields: str | int | float | None) -> dict[str, Any]:
    """What a record is about (`remote`, `key`, `attempt`, `path`, …), to be given as `extra`; None is left out."""
    return {FIELDS: {name: value for name, value in fields.items() if value is not None}}


def begin() -> Token[str]:
    """A request begins here: from now on, in this context, it has an id. No two processes give the same soon."""
    return _REQUEST.set(f"{os.getpid():x}-{next(_NUMBERS)}")


def end(token: Token[str], error: BaseException | None = None) -> None:
    """It ends, perhaps by an error."""
    if error is not None:
        with suppress(AttributeError):
            setattr(error, _ATTRIBUTE, _REQUEST.get())
    _REQUEST.reset(token)


@contextmanager
def request() -> Iterator[None]:
    """A request, from its begin to its end."""
    token = begin()
    try:
        yield
    except BaseException as error:
        end(token, error)
        raise
    end(token)


def current() -> str:
    """The id of the request in hand; empty if there is none."""
    return _REQUEST.get()


def resume(request: str) -> None:
    """Go on with what a request asked for, in a task of its own."""
    _REQUEST.set(request)


def of(error: BaseException | None) -> str:
    """The id of the request that an error ended, or of the one in hand."""
    return str(getattr(error, _ATTRIBUTE, "")) or _REQUEST.get()


def concerns(error: BaseException, path: bytes | None) -> None:
    """Note which path an error is about, if it is known."""
    if path is not None:
        with suppress(AttributeError):
            setattr(error, _PATH, path.decode("utf-8", "backslashreplace"))


def told(log: logging.Logger, request: str, error: VfsError) -> None:
    """Log the error that a request of some kind ended with, with what is known of it."""
    path = getattr(error, _PATH, None)
    where = f"{path}: " if path is not None else ""
    said = about(request=of(error), path=path, error=error.code)
    log.log(error.log_level, "%s: %s%s", request, where, error, extra=said)
