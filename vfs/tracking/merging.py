"""Three versions of a tracked directory become one.

Rule (that of Git for trees): each path for itself; one that only one side changed, added or removed is as that side has it. Where both
did something else to one path, or one side needs a directory where the other has a file, it is a conflict.

Invariant: pure.
"""

from collections.abc import Mapping
from typing import NamedTuple

from vfs.types import Digest

Files = Mapping[bytes, Digest]


class Merged(NamedTuple):
    """What comes of it.

    Attributes:
        files: of the merged directory; without those in conflict.
        conflicts: (path, what both sides did), by path.
        twice: whether both sides made the same change to some path.
    """

    files: dict[bytes, Digest]
    conflicts: list[tuple[bytes, str]]
    twice: bool


def merge_files(base: Files, ours: Files, theirs: Files) -> Merged:
    """Merge; paths are relative to the directory."""
    files: dict[bytes, Digest] = {}
    conflicts: dict[bytes, str] = {}
    twice = False
    for path in {**base, **ours, **theirs}:
        old, mine, other = base.get(path), ours.get(path), theirs.get(path)
        if mine == other:
            twice |= mine != old
        elif old not in (mine, other):
            conflicts[path] = _said(old, mine, other)
        kept = other if mine == old else mine
        if kept is not None and path not in conflicts:
            files[path] = kept
    for path in files:
        above = path
        while b"/" in above:
            above = above.rpartition(b"/")[0]
            if above in files:
                conflicts[above] = "a file on one side, a directory on the other"
    return Merged(files, sorted(conflicts.items()), twice)


def _said(old: Digest | None, mine: Digest | None, other: Digest | None) -> str:
    if old is None:
        return "added by both, with different content"
    if mine is None:
        return "removed by us, modified by them"
    return "modified by us, removed by them" if other is None else "modified by both"
