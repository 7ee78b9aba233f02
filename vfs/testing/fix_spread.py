"""Where tests put their files: what each of them makes lies in another part of the disk.

ext4 gives nobody the inode of a file that was deleted in the last minutes but searches past it, one by one: a file made beside
thousands that another test just removed costs twenty times as much. Directories below one that is marked as a top of
hierarchies (`chattr +T`) are spread over the disk instead of being kept together; other file systems know no such mark.
Source: ioctl_iflags(2).
"""

import fcntl
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import pytest

_GET_FLAGS: Final = 0x80086601
_SET_FLAGS: Final = 0x40086602
_TOP_OF_HIERARCHIES: Final = 0x00020000


@pytest.fixture(scope="session", autouse=True)
def spread_directories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """From here on, for `tempfile` and `tmp_path`; the name is short because sockets' are."""
    base = tempfile.mkdtemp(prefix="v")
    os.chmod(base, 0o755)  # some tests are other users
    spread(base)
    spread(str(tmp_path_factory.getbasetemp()))
    before, tempfile.tempdir = tempfile.tempdir, base
    yield
    tempfile.tempdir = before
    for left in (f"{base}/vfs-{os.geteuid()}", base):  # the first stands in for $XDG_RUNTIME_DIR
        with suppress(OSError):  # a test that failed may have left something
            os.rmdir(left)


def spread(directory: str) -> None:
    """Mark a directory so, if its file system can."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            (flags,) = struct.unpack_from("i", fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8)))
            fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("ii", flags | _TOP_OF_HIERARCHIES, 0))
    finally:
        os.close(descriptor)
