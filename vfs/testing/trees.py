"""What a directory holds, as a value that two directories can be compared by.

Rule: the value has everything a reader of a snapshot may rely on (names, kinds, the executable
bit, contents, link targets) and nothing else (no times, owners, inode numbers).
"""

import hashlib
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

_PIECE = 1 << 20


class Node(NamedTuple):
    """One name of a tree.

    Attributes:
        kind: "file", "directory" or "symlink".
        executable: whether the owner may execute a file; False for the others.
        size: bytes of a file, length of a link's target, 0 for a directory.
        content: SHA-256 of a file in hexadecimal; the target of a link.
    """

    kind: str
    executable: bool = False
    size: int = 0
    content: str = ""


Tree = dict[bytes, Node]


def file_node(data: bytes, *, executable: bool = False) -> Node:
    """The node a regular file with these bytes must appear as."""
    return Node("file", executable, len(data), hashlib.sha256(data).hexdigest())


def capture(root: bytes, *, skip: Callable[[bytes], bool] = lambda path: False) -> Tree:
    """Read a directory completely.

    Args:
        root: the directory, as bytes so that every name can be told.
        skip: is asked with each relative path; what it accepts is left out with all below it.

    Returns:
        Every path below `root`, relative, with what it is.
    """
    found: Tree = {}
    pending = [b""]
    while pending:
        directory = pending.pop()
        with os.scandir(os.path.join(root, directory)) as entries:
            for entry in entries:
                path = os.path.join(directory, entry.name)
                if skip(path):
                    continue
                found[path] = _node(entry)
                if found[path].kind == "directory":
                    pending.append(path)
    return found


def _node(entry: os.DirEntry[bytes]) -> Node:
    if entry.is_symlink():
        target = os.readlink(entry.path)
        return Node("symlink", False, len(target), os.fsdecode(target))
    if entry.is_dir():
        return Node("directory")
    digest = hashlib.sha256()
    size = 0
    with open(entry.path, "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
        status = os.fstat(file.fileno())
    assert stat.S_ISREG(status.st_mode), entry.path
    assert size == status.st_size, (entry.path, size, status.st_size)
    return Node("file", bool(status.st_mode & stat.S_IXUSR), size, digest.hexdigest())


def not_data(path: bytes) -> bool:
    """Whether a path of a checkout belongs to Git or is DVC's own state, not to the snapshot."""
    parts = path.split(b"/")
    if parts[-1] == b".git" or parts[0] == b".git":
        return True
    return len(parts) == 2 and parts[0] == b".dvc" and parts[1] in _DVC_STATE


_DVC_STATE = {b"cache", b"tmp", b"config.local", b"lock", b"state", b"updater", b"updater.lock"}


def explain(expected: Tree, actual: Tree, *, limit: int = 20) -> str:
    """The differences of two trees in a few lines; the empty string when they are equal."""
    lines: list[str] = []
    for path in sorted(expected.keys() | actual.keys()):
        left, right = expected.get(path), actual.get(path)
        if left != right:
            lines.append(f"{os.fsdecode(path)!r}: expected {left}, found {right}")
    if len(lines) > limit:
        lines = [*lines[:limit], f"and {len(lines) - limit} more"]
    return "\n".join(lines)
