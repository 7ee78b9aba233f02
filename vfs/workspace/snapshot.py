"""Snapshots: one commit (or working tree) as a tree of directories.

Rule: immutable. Reading names needs Git's trees and the catalog, never the network.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from vfs.errors import (
    ConfigError,
    DataUnavailable,
    RemoteError,
    UnknownPath,
    Unsupported,
    VfsError,
    error_named,
)
from vfs.types import Entry, Kind, Problem, Severity
from vfs.workspace.changes import Change, changes
from vfs.workspace.directory import Directory, Weight
from vfs.workspace.grafts import Grafts
from vfs.workspace.origins import Origin


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What a revision holds.

    Attributes:
        rev: as the caller named it.
        commit: full commit id; None for the working tree.
        time: seconds; the commit's, or when the working tree was looked at.
        root: its root directory.
        problems: what is wrong, each on its own path.
        origins: where the bytes of entries come from, by `Entry.origin`.
        totals: bytes and number of files.
        tree: oid of the Git tree (for `vfs doctor` and friends).
        grafts: what pointers put into it.
        hides: whether a `.dvcignore` keeps DVC from seeing Git's file at a path.
    """

    rev: str
    commit: str | None
    time: int
    root: Directory
    problems: tuple[Problem, ...]
    origins: Sequence[Origin] = field(repr=False)
    totals: Weight
    tree: bytes
    grafts: Grafts = field(repr=False)
    hides: Callable[[bytes], bool] = field(repr=False)

    @property
    def identity(self) -> bytes:
        """Equal identities mean equal content."""
        return self.root.identity

    @property
    def outs(self) -> int:
        """How many outs and LFS files are in it: what it takes in memory."""
        return self.grafts.count

    @property
    def broken(self) -> tuple[Problem, ...]:
        """The problems of paths that cannot be served; the others are notes."""
        return tuple(p for p in self.problems if p.severity is Severity.BROKEN)

    def tracked(self, path: bytes) -> bool:
        """Whether a path is what a pointer or Git LFS puts there, lies in that, or is a directory that has some."""
        node = self.grafts.root
        for name in path.split(b"/") if path else ():
            if node.leaf is not None:
                return True
            if name not in node.children:
                return False
            node = node.children[name]
        return True

    @property
    def may_heal(self) -> bool:
        """Whether building it once more may find what is wrong now mended."""
        return any(problem.heals for problem in self.problems)

    def resolve(self, path: bytes) -> Entry | Directory:
        """What is at a path (b"" is the root).

        Raises:
            UnknownPath: nothing.
            DataUnavailable, RemoteError, ConfigError, Unsupported: it may be below an entry that cannot be served.
        """
        found: Entry | Directory = self.root
        for depth, name in enumerate(path.split(b"/") if path else ()):
            if isinstance(found, Entry) and found.kind is Kind.BROKEN:
                raise self.unavailable(path, b"/".join(path.split(b"/")[:depth]), found)
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

    def unavailable(self, path: bytes, place: bytes, entry: Entry) -> VfsError:
        """The error of a path that cannot be served because of the broken entry at `place`, which is the path or above it.

        It is of the kind that is in the way (a remote, the configuration, a thing vfs does not have), else DataUnavailable.
        """
        shown = path.decode("utf-8", "backslashreplace")
        there = "" if place == path else place.decode("utf-8", "backslashreplace") + ": "
        said = f"{shown} of {self.rev} cannot be served: {there}{entry.problem}"
        problem = next((p for p in self.problems if p.path == place and p.heals), None)
        hint = problem.hint if problem is not None and problem.hint else "vfs doctor"
        error = None if problem is None else error_named(problem.code, said, hint)
        if isinstance(error, RemoteError | ConfigError | Unsupported):
            return error
        return DataUnavailable(said, hint=hint)

    def walk(self, prefix: bytes = b"") -> Iterator[tuple[bytes, Entry]]:
        """Everything below a path, each directory by name and before what is in it; a file gives itself.

        A path that does not exist gives nothing.

        Raises:
            VfsError: it may be below an entry that cannot be served (`unavailable`).
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
    stack = [(prefix, directory.by_name(), directory)]
    while stack:
        path, entries, parent = stack[-1]
        entry = next(entries, None)
        if entry is None:
            stack.pop()
            continue
        below = path + b"/" + entry.name if path else entry.name
        yield below, entry
        if entry.kind is Kind.DIRECTORY:
            child = parent.subdirectory(entry.name)
            if child is not None:
                stack.append((below, child.by_name(), child))
