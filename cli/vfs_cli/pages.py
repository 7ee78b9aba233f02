"""Writing a page that the user asked for into a file.

Rule: the file has its old bytes or the whole page, also on a full disk.
"""

import os
from pathlib import Path

from vfs.errors import UsageError
from vfs.tracking.writes import mode_of, write_whole


def write_page(path: Path, page: str, *, private: bool = False) -> Path:
    """Write it; directories above it are made.

    Args:
        path: of the file; what is no file (a terminal, a pipe) is written to as it is.
        page: its text.
        private: only the user may read it.

    Returns:
        The absolute path.

    Raises:
        UsageError: it cannot be written; the file is as it was.
    """
    path = Path(os.path.abspath(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            path.write_text(page, encoding="utf-8")
        else:
            file = os.path.realpath(os.fsencode(path))
            mode = 0o600 if private else mode_of(file)
            write_whole(file, page.encode(), mode, os.path.dirname(file))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return path
