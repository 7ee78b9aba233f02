"""What the `.dvcignore` files of a working tree hide, as they lie on the disk now.

Rules: those of `vfs.workspace.ignore`; and `.git`, `.hg/` and `.dvc/` are never data. A tracked directory may
hold no `.dvcignore` itself (DVC refuses it), so the files above it are all that count.
"""

import os
from collections.abc import Iterable

from vfs.errors import DataUnavailable
from vfs.workspace.ignore import Pattern, decided, parse_ignore

IGNORE_FILE = b".dvcignore"
_MAX_BYTES = 1 << 20


class Ignored:
    """The patterns that apply to one path of a working tree and to what lies below it."""

    def __init__(self, top: bytes, border: bytes, path: bytes) -> None:
        """Read the files.

        Args:
            top: the working tree.
            border: root of the DVC repository, relative to it; b"" is the top.
            path: what will be looked at, relative to it.

        Raises:
            DataUnavailable: one of them cannot be read.
        """
        self._border = border
        self._files: dict[bytes, list[Pattern]] = {}
        directory = path
        while directory != border and directory:
            directory = directory.rpartition(b"/")[0]
            if patterns := _patterns(os.path.join(top, directory, IGNORE_FILE)):
                self._files[directory] = patterns

    @property
    def rules(self) -> bool:
        """Whether there are any; without, `hides` is about names that begin with a dot alone."""
        return bool(self._files)

    def hides(self, path: bytes, *, is_directory: bool) -> bool:
        """Whether DVC does not see a path whose directory it sees."""
        if not self._files and b"/." not in path and path[:1] != b".":
            return False  # nearly all there is
        name = path.rpartition(b"/")[2]
        if name == b".git" or (is_directory and name in (b".hg", b".dvc")):
            return True
        return bool(self._files) and decided(
            path, name, self._border, self._files, is_directory=is_directory
        )

    def hides_whole(self, path: bytes, *, is_directory: bool) -> bool:
        """The same for a path of which nothing is known: it, or a directory above it."""
        below = path[len(self._border) :].lstrip(b"/")
        parts = below.split(b"/")
        for length in range(1, len(parts)):
            above = b"/".join((self._border, *parts[:length])).lstrip(b"/")
            if self.hides(above, is_directory=True):
                return True
        return self.hides(path, is_directory=is_directory)


def visible(top: bytes, border: bytes, out: bytes, names: Iterable[bytes]) -> list[bytes]:
    """Those files of a tracked directory, relative to it, that a walk would find if they lay there. Raises DataUnavailable."""
    ignored = Ignored(top, border, out)
    if not ignored.rules:
        return list(names)
    above = out + b"/"
    return [name for name in names if not ignored.hides_whole(above + name, is_directory=False)]


def _patterns(file: bytes) -> list[Pattern]:
    try:
        with open(file, "rb") as stream:
            return parse_ignore(stream.read(_MAX_BYTES))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return []
    except OSError as error:
        raise DataUnavailable(f"{os.fsdecode(file)} cannot be read: {error.strerror}") from error
