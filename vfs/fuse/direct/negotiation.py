"""INIT: what the kernel and we agree on.

Rule: pure. Both sides use the smaller minor version; of the flags the kernel offers those are taken that a read-only file system of
immutable contents wants. A kernel older than 7.31 (Linux 5.4) is refused: it has none of what makes this transport worth while.

Source: `linux/fuse.h`, "Version negotiation".
"""

from struct import Struct
from typing import Final, NamedTuple

from vfs.errors import DaemonError
from vfs.fuse.direct.wire import HEADER_SIZE, Buffer, Malformed

MAJOR: Final = 7
OLDEST: Final = 31
NEWEST: Final = 45

LARGEST_READ: Final = 1 << 20
"""Bytes of one READ."""

_PAGE: Final = 4096

ASYNC_READ: Final = 1 << 0
ASYNC_DIO: Final = 1 << 15
DO_READDIRPLUS: Final = 1 << 13
NO_OPEN_SUPPORT: Final = 1 << 17
PARALLEL_DIROPS: Final = 1 << 18
ABORT_ERROR: Final = 1 << 21
MAX_PAGES: Final = 1 << 22
CACHE_SYMLINKS: Final = 1 << 23
NO_OPENDIR_SUPPORT: Final = 1 << 24

WANTED: Final = (
    ASYNC_READ
    | ASYNC_DIO
    | DO_READDIRPLUS
    | NO_OPEN_SUPPORT
    | PARALLEL_DIROPS
    | ABORT_ERROR
    | MAX_PAGES
    | CACHE_SYMLINKS  # a symlink is one content, as a file is
    | NO_OPENDIR_SUPPORT
)
"""Not among them: AUTO_INVAL_DATA (two paths of one content may have two times, and the pages stay right), EXPORT_SUPPORT (what the kernel forgot
cannot be found by its number), SPLICE_* (bytes come from a buffer), and all that concerns writing."""

_REQUIRED: Final = {"NO_OPEN_SUPPORT": NO_OPEN_SUPPORT, "NO_OPENDIR_SUPPORT": NO_OPENDIR_SUPPORT}
"""Every kernel from 7.31 on offers them."""

REQUIRED: Final = NO_OPEN_SUPPORT | NO_OPENDIR_SUPPORT

_IN: Final = Struct("=IIII")
_OUT: Final = Struct("=IIIIHHIIHHIIH22x")


class Agreement(NamedTuple):
    """What was agreed on, and how it is said.

    Attributes:
        minor: the protocol's minor version; None if the kernel is asked to begin anew with our major version.
        flags: those in use.
        reply: the answer to INIT.
    """

    minor: int | None
    flags: int
    reply: bytes


class TooOld(DaemonError):
    """The kernel speaks a protocol that this transport does not, or that without what it needs."""

    def __init__(self, major: int, minor: int, offered: int = REQUIRED) -> None:
        lacking = " and ".join(name for name, flag in _REQUIRED.items() if not offered & flag)
        needed = f"{MAJOR}.{OLDEST} (Linux 5.4)"
        if (major, minor) >= (MAJOR, OLDEST) and lacking:
            needed = f"what it does not offer: {lacking}"
        super().__init__(
            f"the kernel's FUSE protocol is {major}.{minor}, and the direct transport needs {needed}",
            hint="vfs mount --transport pyfuse3",
        )


def negotiate(data: Buffer, size: int, *, read_ahead: int, max_background: int) -> Agreement:
    """Answer an INIT request of `size` bytes.

    Args:
        data: the request, with its header.
        size: its bytes.
        read_ahead: wanted; what the kernel offers is never lowered, and it raises nothing by this answer alone (`vfs.fuse.tuning`).
        max_background: requests in flight.

    Raises:
        Malformed: it is no INIT.
        TooOld: nothing can be agreed on.
    """
    if size < HEADER_SIZE + _IN.size or size > len(data):
        raise Malformed(f"an INIT of {size} bytes")
    major, minor, ahead, offered = _IN.unpack_from(data, HEADER_SIZE)
    if major > MAJOR:
        return Agreement(None, 0, _OUT.pack(MAJOR, NEWEST, *[0] * 11))
    if major < MAJOR or minor < OLDEST or offered & REQUIRED != REQUIRED:
        raise TooOld(major, minor, offered)
    common, flags = min(minor, NEWEST), offered & WANTED
    background = min(max_background, 0xFFFF)
    return Agreement(
        common,
        flags,
        _OUT.pack(
            MAJOR,
            common,
            min(max(ahead, read_ahead), 0xFFFF_FFFF),
            flags,
            background,
            background * 3 // 4,
            _PAGE,  # the smallest write there may be: none comes
            1,  # nanoseconds
            LARGEST_READ // _PAGE,
            0,
            0,
            0,
            0,
        ),
    )
