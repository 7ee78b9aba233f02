"""Differences of two directories, at the cost of what differs.

Rule: equal identities are never entered; two versions of a tracked directory are compared by the
pages they do not share. Directories themselves are not reported, only the files in them.
"""

from collections.abc import Iterator

from vfs.catalog import TreeEntry
from vfs.types import Entry, Kind
from vfs.workspace.directory import Directory, TreeDirectory

Change = tuple[bytes, Entry | None, Entry | None]


def changes(old: Directory | None, new: Directory | None, prefix: bytes = b"") -> Iterator[Change]:
    """Files that differ between two directories at `prefix`: (path, old or None, new or None)."""
    stack: list[Iterator[Change | tuple[bytes, Directory | None, Directory | None]]]
    stack = [_level(old, new, prefix)]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
            continue
        path, left, right = step
        if isinstance(left, Directory) or isinstance(right, Directory):
            assert not isinstance(left, Entry)
            assert not isinstance(right, Entry)
            stack.append(_level(left, right, path))
        else:
            yield path, left, right


def _level(
    old: Directory | None, new: Directory | None, prefix: bytes
) -> Iterator[Change | tuple[bytes, Directory | None, Directory | None]]:
    """Changed files of one directory, and its subdirectories that differ."""
    if old is not None and new is not None:
        if old.identity == new.identity:
            return
        if isinstance(old, TreeDirectory):
            pages = _trees(old, new, prefix)
            if pages is not None:
                yield from pages
                return
    mine = {} if old is None else {entry.name: entry for entry, _ in old.entries()}
    theirs = {} if new is None else {entry.name: entry for entry, _ in new.entries()}
    for name in sorted(mine.keys() | theirs.keys()):
        path = prefix + b"/" + name if prefix else name
        before, after = mine.get(name), theirs.get(name)
        left = old.subdirectory(name) if old is not None and _is_directory(before) else None
        right = new.subdirectory(name) if new is not None and _is_directory(after) else None
        before = None if left is not None else before
        after = None if right is not None else after
        if _differs(before, after):
            yield path, before, after
        if left is not None or right is not None:
            yield path, left, right


def _trees(old: TreeDirectory, new: Directory, prefix: bytes) -> Iterator[Change] | None:
    """The changes from pages that are not shared; None unless both are the same place of trees."""
    if not isinstance(new, TreeDirectory) or new.prefix != old.prefix:
        return None
    return _paged(old, new, prefix)


def _paged(old: TreeDirectory, new: TreeDirectory, prefix: bytes) -> Iterator[Change]:
    skip = len(old.prefix) + 1 if old.prefix else 0
    for path, before, after in old.tree.diff(new.tree, old.prefix):
        below = path[skip:]
        full = prefix + b"/" + below if prefix else below
        yield full, _entry(old, before, below), _entry(new, after, below)


def _entry(directory: TreeDirectory, found: TreeEntry | None, below: bytes) -> Entry | None:
    return None if found is None else directory.entry(found, below.rpartition(b"/")[2])


def _is_directory(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.DIRECTORY


def _differs(before: Entry | None, after: Entry | None) -> bool:
    if before is None or after is None:
        return before is not after
    return before[:4] != after[:4] or before.problem != after.problem
