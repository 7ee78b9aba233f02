"""Small files as they lie in the working tree.

Rule: never through a link in the last component, and never more than a limit.
"""

import os
from pathlib import Path

from vfs.errors import FormatError


def read_here(root: Path, path: bytes, limit: int) -> bytes | None:
    """The bytes of a file of the tree; None if there is none.

    Raises:
        FormatError: it is larger than `limit`, or cannot be read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(os.path.join(os.fsencode(root), path), flags), "rb") as file:
            data = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", file=os.fsdecode(path)) from error
    if len(data) > limit:
        raise FormatError(f"is larger than {limit} bytes", file=os.fsdecode(path))
    return data


def is_link(root: Path, path: bytes) -> bool:
    """Whether a link lies there."""
    return os.path.islink(os.path.join(os.fsencode(root), path))
