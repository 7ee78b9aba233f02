"""Snapshots: one commit (or working tree) as a tree of directories.

Rule: immutable. Reading names needs Git's trees and the catalog, never the network.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from vfs.errors import UnknownPath
from vfs.types import Entry, Kind, Problem
from vfs.workspace.changes import Change, changes
from vfs.workspace.directory import Directory, Weight
from vfs.workspace.origins import Origin


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What a revision holds.

    Attributes:
        rev: as the caller named it.
        commit: full commit id; None for the working tree.
        time: seconds; the commit's, or when the working tree was looked at.
        root: its root directory.
        problems: what cannot be served, each on its own path.
        origins: where the bytes of entries come from, by `Entry.origin`.
        totals: bytes and number of files.
        tree: oid of the Git tree (for `vfs doctor` and friends).
        outs: number of outs and LFS files in it; what it takes in memory.
    """

    rev: str
    commit: str | None
    time: int
    root: Directory
    problems: tuple[Problem, ...]
    origins: tuple[Origin, ...] = field(repr=False)
    totals: Weight
    tree: bytes
    outs: int

    @property
    def identity(self) -> bytes:
        """Equal identities mean equal content."""
        return self.root.identity

    def resolve(self, path: bytes) -> Entry | Directory:
        """What is at a path (b"" is the root).

        Raises:
            UnknownPath: nothing.
        """
        found: Entry | Directory = self.root
        for name in path.split(b"/") if path else ():
            below: Entry | Directory | None = None
            if isinstance(found, Directory):
                entry = found.lookup(name)
                is_directory = entry is not None and entry.kind is Kind.DIRECTORY
                below = found.subdirectory(name) if is_directory else entry
            if below is None:
                shown = path.decode("utf-8", "backslashreplace")
                raise UnknownPath(f"{shown} is not in {self.rev}", hint="`vfs ls` shows what is")
            found = below
        return found

    def walk(self, prefix: bytes = b"") -> Iterator[tuple[bytes, Entry]]:
        """Everything below a path, directories before what is in them; a file gives itself.

        A path that does not exist gives nothing.
        """
        try:
            found = self.resolve(prefix)
        except UnknownPath:
            return
        if isinstance(found, Entry):
            yield prefix, found
        else:
            yield from walk(found, prefix)

    def diff(self, other: "Snapshot", prefix: bytes = b"") -> Iterator[Change]:
        """Changes from this snapshot to `other` below a directory: (path, old, new)."""
        return changes(self._directory(prefix), other._directory(prefix), prefix)

    def _directory(self, prefix: bytes) -> Directory | None:
        try:
            found = self.resolve(prefix)
        except UnknownPath:
            return None
        return found if isinstance(found, Directory) else None


def walk(directory: Directory, prefix: bytes) -> Iterator[tuple[bytes, Entry]]:
    """Everything below a directory that lies at `prefix`; no recursion, trees may be deep."""
    stack = [(prefix, directory.entries(), directory)]
    while stack:
        path, entries, parent = stack[-1]
        step = next(entries, None)
        if step is None:
            stack.pop()
            continue
        entry = step[0]
        below = path + b"/" + entry.name if path else entry.name
        yield below, entry
        if entry.kind is Kind.DIRECTORY:
            child = parent.subdirectory(entry.name)
            if child is not None:
                stack.append((below, child.entries(), child))
