"""Replacing small files of the working tree: pointers, `.gitignore`.

Rule: a file has its old bytes or its new ones, whatever happens; when `replace` returns, the new ones are on the disk.
"""

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from vfs.errors import StoreError, StoreFull
from vfs.objects.incoming import FULL
from vfs.objects.lock import check_inside

LIMIT: Final = 32 << 20


def read(path: bytes) -> bytes | None:
    """The bytes of a file; None if there is none.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _failed(path, error) from error


def replace(path: bytes, data: bytes, via: bytes, top: bytes) -> None:
    """Give a file other bytes; its mode stays, a symlink to it too.

    Args:
        path: of the file.
        data: its bytes.
        via: directory for the temporary file; beside the file if that is on another file system.
        top: the working tree, which may have brought symlinks along; they must not lead out of it.

    Raises:
        StoreFull, StoreError: it cannot be written; the old bytes are there.
    """
    check_inside(Path(os.fsdecode(path)), Path(os.fsdecode(top)))
    path = os.path.realpath(path)
    directory = os.path.dirname(path)
    try:
        mode = mode_of(path)
        try:
            write_whole(path, data, mode, via)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            write_whole(path, data, mode, directory)
        _sync(directory)
    except OSError as error:
        raise _failed(path, error) from error


def mode_of(path: bytes) -> int:
    """The mode that a file keeps when it is replaced, or is made with. Raises OSError."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return 0o666


def write_whole(path: bytes, data: bytes, mode: int, via: bytes) -> None:
    """Make or replace a file through a temporary one in the directory `via`, which is gone if that fails. Raises OSError."""
    temporary = os.path.join(via, b".vfs-%s.tmp" % secrets.token_hex(8).encode())
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def remove(path: bytes) -> None:
    """Remove a file; it may be gone already. Raises StoreError."""
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
            _sync(os.path.dirname(path))
    except OSError as error:
        raise _failed(path, error) from error


def _sync(directory: bytes) -> None:
    descriptor = os.open(directory or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(path: bytes, error: OSError) -> StoreError:
    kind = StoreFull if error.errno in FULL else StoreError
    return kind(f"{os.fsdecode(path)}: {error.strerror}")
