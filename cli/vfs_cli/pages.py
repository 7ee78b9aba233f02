"""Writing a page that the user asked for into a file.

Rule: the file has its old bytes or the whole page, also on a full disk.
"""

import os
from pathlib import Path
from typing import Final

from vfs.errors import UsageError

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


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
            _replace(Path(os.path.realpath(path)), page, private)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _replace(path: Path, page: str, private: bool) -> None:
    made = path.with_name(f".vfs-{os.urandom(8).hex()}.tmp")
    try:
        descriptor = os.open(made, _CREATE, 0o600 if private else 0o666)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(descriptor)
        os.replace(made, path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
