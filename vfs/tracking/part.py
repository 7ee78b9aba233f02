"""Tracked directories of which only a part is here: what never was, what was deleted, and what hides just the latter from whoever sees it all.

Rules:

* What was never seen is not deleted (docs/pipelines.md, "Directories that are here in part").
* What a `.dvcignore` hides is no data: listed or not, commands do not find it if it does not lie there.
* What is recorded to be gone is not deleted from any other version (`forget_gone`).
* What has something else in its place, or in that of a directory above it, is neither.
* No file is opened; each directory is listed once. A file that lies there was seen, whoever put it there.

Memory: the names of one tracked directory.
"""

import os
from bisect import bisect_left
from collections.abc import Callable, Container, Iterator
from typing import Final, NamedTuple

from vfs.errors import DataUnavailable, Unsupported
from vfs.formats.dirlisting import dump_listing
from vfs.formats.pointer_text import Described
from vfs.state.files import NEVER, FileState, Known
from vfs.tracking.caches import Caches
from vfs.tracking.ignored import visible
from vfs.tracking.project import Project, told
from vfs.tracking.record import Entries, Recorded, listed, listing_digest, unseen
from vfs.tracking.totals import bytes_of
from vfs.types import Digest, Problem, Severity
from vfs.workspace.outs import Claim

GONE: Final = "gone"
"""The code of a note: files leave a list."""
_FILE: Final = False
_Names = dict[bytes, bool]


class Part(NamedTuple):
    """What lacks in a tracked directory that is here; paths relative to it, sorted.

    Attributes:
        unseen: files that never were here.
        gone: files that were.
    """

    unseen: Entries
    gone: list[bytes]

    def below(self, path: bytes) -> Entries:
        """The files at or below a path that never were here; b"" is the directory."""
        if not path:
            return self.unseen
        start = bisect_left(self.unseen, (path,))
        exact = self.unseen[start : start + 1]
        if exact and exact[0][0] == path:
            return exact
        start = bisect_left(self.unseen, (path + b"/",))
        end = bisect_left(self.unseen, (path + b"0",))  # the next byte after a slash
        return self.unseen[start:end]

    def hidden(self) -> Iterator[bytes]:
        """The fewest paths without which only `unseen` is left of what lacks."""
        shown: set[bytes] = set()
        for path, _ in self.unseen:
            while (path := path.rpartition(b"/")[0]) and path not in shown:
                shown.add(path)
        last = b""
        for path in self.gone:
            if last and path.startswith(last):
                continue
            hidden = path
            at = path.find(b"/")
            while at >= 0:
                if path[:at] not in shown:
                    hidden = path[:at]
                    break
                at = path.find(b"/", at + 1)
            last = hidden + b"/"
            yield hidden


def part_of(project: Project, path: bytes, listing: Digest, entries: Entries) -> Part | None:
    """What lacks in a directory that is here; None if each file of its listing was here once.

    Args:
        project: that it lies in.
        path: of the directory.
        listing: what its pointer says.
        entries: of that.

    Raises:
        DataUnavailable: a directory cannot be read.
        StoreError: the table of fingerprints cannot be.
    """
    unknown = unseen(project, path, (name for name, _ in entries))
    if not unknown:
        project.state.note_whole(path, listing)
        return None
    never = set(visible(project.top, project.root, path, unknown))
    here = _Here(project.absolute(path))
    part, found = Part([], []), list[Known]()
    for name, digest in entries:
        if here.lacks(name):
            if name in never:
                part.unseen.append((name, digest))
            else:
                part.gone.append(name)
        elif name in never and here.is_file(name):
            found.append(Known(path + b"/" + name, NEVER, digest))
    project.state.remember(found)
    if len(found) < len(unknown):
        return part
    project.state.note_whole(path, listing)
    return None


def with_unseen(project: Project, claim: Claim, recorded: Recorded) -> Recorded:
    """What was recorded of a directory, with the listed files that never were here; a note says how many leave the list. Raises as `listed`, `part_of` and `check_not_former`."""
    path, old = claim.out.path, claim.out.digest
    algorithm = recorded.content.digest.algorithm
    if old is None or not claim.out.is_tree or recorded.listing is None or old == recorded.content.digest:  # fmt: skip
        return recorded
    was = listed(project, claim)
    part = part_of(project, path, old, was)
    recorded = _with_gone(recorded, claim, was, [] if part is None else part.unseen)
    if part is None or not part.unseen:
        return recorded
    from vfs.tracking.former import check_not_former  # it reads Git's history

    check_not_former(project, claim, was, recorded.entries)
    if old.algorithm is not algorithm:
        raise Unsupported(
            f"{told(path)} is in the form of DVC 2 and not all here, so what changed in it cannot be recorded",
            hint=f"vfs pull {told(path)} brings the rest",
        )
    entries = sorted(recorded.entries + part.unseen)
    listing = dump_listing(entries)
    caches, size = Caches(project.store_of(claim)), recorded.content.size
    lacking = bytes_of(caches, part.unseen, was, claim.out.size)
    size = None if lacking is None or size is None else size + lacking
    content = Described(listing_digest(listing, algorithm), True, size, len(entries))
    return recorded._replace(content=content, listing=listing, entries=entries)


def _with_gone(recorded: Recorded, claim: Claim, was: Entries, unseen: Entries) -> Recorded:
    """With a note on files that were deleted, if any were: they leave the list."""
    names = {name for name, _ in recorded.entries}.union(name for name, _ in unseen)
    gone = [name for name, _ in was if name not in names]
    if not gone:
        return recorded
    path = claim.out.path
    first = told(path + b"/" + gone[0])
    text = (
        f"{told(path)}: {len(gone)} of its files were here and are gone, so they leave its list, first {first}"
        f" (git checkout {told(claim.pointer)} and vfs checkout {told(path)} bring them back)"
    )
    note = Problem(path, GONE, text, severity=Severity.NOTE)
    return recorded._replace(notes=(*recorded.notes, note))


def forget_gone(
    state: FileState, absolute: bytes, path: bytes, listed: Callable[[], Container[bytes]]
) -> None:
    """An out is as its new version says: what was seen in it, is not there and not listed never was here, for any other version that lists it.

    Args:
        state: of the working tree.
        absolute: where the out lies.
        path: of the out.
        listed: what the version lists, relative to the out; asked only if something is gone.

    Raises:
        StoreError: the table cannot be read.
    """
    start = len(path) + 1
    try:
        here = _Here(absolute)
        gone = [name for one in state.below(path) if not here.has(name := one[start:])]
    except DataUnavailable:
        return  # nobody knows what is gone; it counts as deleted, as before
    names = listed() if gone else ()
    taken = [path + b"/" + name for name in gone if name not in names]
    if taken:
        state.forget([*taken, path + b"/"])


class _Here:
    """The names that lie in a directory and below it."""

    def __init__(self, top: bytes) -> None:
        self._top = top
        self._names: dict[bytes, _Names | None] = {b"": self._listed(b"")}

    def lacks(self, path: bytes) -> bool:
        """Whether nothing lies at a path, and nothing but directories above it."""
        above, _, name = path.rpartition(b"/")
        names = self._names[above] if above in self._names else self._within(above)
        return names is not None and name not in names

    def has(self, path: bytes) -> bool:
        """Whether something that is no directory lies at a path."""
        above, _, name = path.rpartition(b"/")
        names = self._names[above] if above in self._names else self._within(above)
        return names is not None and names.get(name) is _FILE

    def is_file(self, path: bytes) -> bool:
        """Whether something that is no directory lies at a path that does not lack."""
        above, _, name = path.rpartition(b"/")
        names = self._names[above]
        return names is not None and names[name] is _FILE

    def _within(self, path: bytes) -> _Names | None:
        """The names in a directory; None if something else is in its place, or in that of one above it. No recursion: trees are deep."""
        waiting: list[bytes] = []
        while path not in self._names:
            waiting.append(path)
            path = path.rpartition(b"/")[0]
        names = self._names[path]
        for one in reversed(waiting):
            kind = None if names is None else names.get(one.rpartition(b"/")[2])
            if names is None or kind is _FILE:
                names = None
            else:
                names = {} if kind is None else self._listed(one)
            self._names[one] = names
        return names

    def _listed(self, path: bytes) -> _Names:
        """Each name, with whether it is a directory."""
        try:
            with os.scandir(os.path.join(self._top, path)) as entries:
                return {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            where = told(os.path.join(self._top, path))
            raise DataUnavailable(f"{where} cannot be read: {error.strerror}") from error
