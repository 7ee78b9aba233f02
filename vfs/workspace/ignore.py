"""`.dvcignore`: pointers, and files of an import's source, that DVC does not see.

Rules (source: DVC's `ignore.py`, gitignore syntax): the patterns of a `.dvcignore` apply to what is
below its directory; files nearer to the path, and later lines, win; once a directory is ignored
nothing below it can come back. A `.dvcignore` ends at the border of its DVC repository.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from vfs.errors import FormatError
from vfs.git.wildmatch import Wildmatch
from vfs.workspace.pointers import Found
from vfs.workspace.stores import Roots
from vfs.workspace.summary import Mark

_MAX_BYTES = 1 << 20


class Pattern(NamedTuple):
    """One line of a `.dvcignore`."""

    matches: Callable[[bytes], bool]
    by_name: bool
    directories_only: bool
    negated: bool


class Rules:
    """The `.dvcignore` files of one commit."""

    def __init__(
        self, found: Sequence[Found], roots: Roots, read_blob: Callable[[bytes, int], bytes]
    ) -> None:
        self._roots = roots
        self._known: dict[bytes, bool] = {}
        self._files: dict[bytes, list[Pattern]] = {}
        for mark, path, oid in found:
            if mark is Mark.DVCIGNORE:
                with suppress(FormatError):  # too large to be one
                    patterns = parse_ignore(read_blob(oid, _MAX_BYTES))
                    if patterns:
                        self._files[path.rpartition(b"/")[0]] = patterns

    def hide(self, path: bytes) -> bool:
        """Whether DVC does not see the file at a path."""
        root = self._roots.root_of(path) if self._files else b""
        return bool(self._files) and ignored(
            path, root, self._files, self._known, is_directory=False
        )

    def without_ignored(self, found: Sequence[Found]) -> list[Found]:
        """The pointers and locks that DVC would see, and all that are neither."""
        return [
            item
            for item in found
            if item.mark not in (Mark.POINTER, Mark.LOCK) or not self.hide(item.path)
        ]


def parse_ignore(data: bytes) -> list[Pattern]:
    """The bytes of a `.dvcignore` -> its patterns, in order; DVC strips every line."""
    patterns = []
    for raw in data.splitlines():
        line = raw.strip()
        if not line or line.startswith(b"#"):
            continue
        negated = line.startswith(b"!")
        if negated or line.startswith((b"\\!", b"\\#")):
            line = line[1:]
        directories_only = line.endswith(b"/")
        line = line.rstrip(b"/")
        if not line:
            continue
        by_name = b"/" not in line
        patterns.append(
            Pattern(Wildmatch(line.lstrip(b"/")).match, by_name, directories_only, negated)
        )
    return patterns


def ignored(
    path: bytes,
    root: bytes,
    files: Mapping[bytes, list[Pattern]],
    known: dict[bytes, bool],
    *,
    is_directory: bool,
) -> bool:
    """Whether a path or a directory above it (below `root`) is ignored; `known` is what was found of directories."""
    if path == root or not path:
        return False
    if is_directory and path in known:
        return known[path]
    directory, _, name = path.rpartition(b"/")
    result = ignored(directory, root, files, known, is_directory=True) or decided(
        path, name, root, files, is_directory=is_directory
    )
    if is_directory:
        known[path] = result
    return result


def decided(
    path: bytes,
    name: bytes,
    root: bytes,
    files: Mapping[bytes, list[Pattern]],
    *,
    is_directory: bool,
) -> bool:
    """Whether the patterns say so of this very path; nothing above it is asked.

    Args:
        path: in the repository.
        name: its last component.
        root: of the DVC repository; patterns above it do not count.
        files: directory -> patterns of its `.dvcignore`.
        is_directory: what lies at the path.
    """
    directory = path
    while directory and directory != root:
        directory = directory.rpartition(b"/")[0]
        relative = path[len(directory) + 1 :] if directory else path
        for pattern in reversed(files.get(directory, [])):
            if pattern.directories_only and not is_directory:
                continue
            if pattern.matches(name if pattern.by_name else relative):
                return not pattern.negated
    return False
