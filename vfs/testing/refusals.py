"""Asserting that a system call is refused with one errno."""

import contextlib
import errno
import os
from collections.abc import Iterator


@contextlib.contextmanager
def refused(*wanted: int) -> Iterator[None]:
    """The block must end in an OSError with one of the errnos in `wanted`."""
    names = "/".join(errno.errorcode[number] for number in wanted)
    try:
        yield
    except OSError as error:
        if error.errno not in wanted:
            raise AssertionError(f"expected {names}, got {error!r}") from error
    else:
        raise AssertionError(f"expected {names}, but the call succeeded (pid {os.getpid()})")
