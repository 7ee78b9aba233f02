"""What a catalog tree holds, and the order its entries must have.

Rule: entries are sorted by path as raw bytes, no path occurs twice, and no path lies below a
path that is a file. Sources (DVC listings, remote LISTs) are untrusted, so `check_order` finds
what breaks the rule and lets the rest through.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from vfs.errors import FormatError
from vfs.types import Digest, Kind

_SLASH = 0x2F


class TreeEntry(NamedTuple):
    """One file of a tree.

    Attributes:
        path: relative to the tree, '/'-separated, no leading or trailing slash.
        kind: FILE, EXECUTABLE, SYMLINK or BROKEN.
        digest: names the content.
        size: bytes; -1 where nobody knows it yet.
        mtime: seconds since the epoch.
    """

    path: bytes
    kind: Kind
    digest: Digest
    size: int
    mtime: int


class SubdirName(NamedTuple):
    """An immediate subdirectory of a listed directory (a single component)."""

    name: bytes


class Conflict(NamedTuple):
    """An entry that cannot be in the tree because of another.

    Attributes:
        path: the entry that was left out.
        other: the entry it collides with (equal to `path` for a duplicate).
        reason: 'duplicate' or 'below-a-file'.
    """

    path: bytes
    other: bytes
    reason: str


def show(path: bytes) -> str:
    """A path for messages: readable, and unambiguous for bytes that are not text."""
    return repr(path.decode("utf-8", "backslashreplace"))


def check_order(
    entries: Iterable[TreeEntry], report: Callable[[Conflict], object]
) -> Iterator[TreeEntry]:
    """Yield the entries that fit together; report the others.

    The first of two colliding entries stays. 'a' and 'a/b' collide even when 'a-b' stands
    between them in byte order, so every file that is still a string prefix of the current path
    is remembered: once one is no longer a prefix, it never is again.

    Raises:
        FormatError: the entries are not sorted, or a path has an empty component.
    """
    stack: list[bytes] = []
    previous = b""
    for entry in entries:
        path = entry[0]
        if path <= previous:
            _refuse_order(previous, path)
            report(Conflict(path, previous, "duplicate"))
            continue
        if path[0] == _SLASH or path[-1] == _SLASH or b"//" in path:
            raise FormatError(f"path {show(path)} has an empty component")
        while stack and not path.startswith(stack[-1]):
            stack.pop()
        previous = path
        if stack:
            parent = next((file for file in stack if path[len(file)] == _SLASH), None)
            if parent is not None:
                report(Conflict(path, parent, "below-a-file"))
                continue
        stack.append(path)
        yield entry


def _refuse_order(previous: bytes, path: bytes) -> None:
    if not path:
        raise FormatError("an entry has an empty path")
    if path < previous:
        raise FormatError(f"entries are not sorted: {show(path)} follows {show(previous)}")


def refuse_conflict(conflict: Conflict) -> None:
    """A `report` for callers that accept no conflict at all.

    Raises:
        FormatError: always, naming both paths.
    """
    if conflict.reason == "duplicate":
        raise FormatError(f"path {show(conflict.path)} is listed twice")
    raise FormatError(
        f"path {show(conflict.path)} lies below {show(conflict.other)}, which is a file"
    )
