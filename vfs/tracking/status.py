"""What differs between the pointers and the working tree, and what the cache lacks.

    with open_state(root) as table:
        report = status(root, table, targets)

Rules (those of `dvc status`, `repo/status.py` and `output.py` of 3.67; tests compare):

* An out is *deleted* if nothing lies at its place, *new* if its pointer has no hash yet, *modified* if its content has another
  one. Besides, objects that the cache lacks are counted: DVC says *not in cache* of such an out and nothing else.
* What is recorded and, as far as is known, never was in this working tree is *not here*, which is no change (DVC calls it deleted),
  and that the cache lacks it is not told.
* Content is all that counts; modes and times do not.
* A link into a mount that a checkout left there is what that mount showed then.
* A list that the cache lacks or has damaged is made from the working files: equal digests mean equal directories. Only which
  files differ is not known then.

It reads files whose fingerprint is not known, and remembers theirs; it takes no lock and never asks a remote. Memory: the paths and
digests of one tracked directory.
"""

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from vfs.errors import ContentMismatch, DataUnavailable, FormatError
from vfs.formats.dirlisting import listing_digest
from vfs.git.here import git_directories
from vfs.mount_table import mounts_below
from vfs.objects.presence import absent
from vfs.state import CleanOuts, FileState, OutState, Placed, StateTable, spare_table
from vfs.state.clean import look
from vfs.state.homes import Home
from vfs.tracking.caches import Caches
from vfs.tracking.contents import Content, Contents, Progress
from vfs.tracking.file import File
from vfs.tracking.ignored import visible
from vfs.tracking.scan import Scanner
from vfs.tracking.targets import Selection, Target
from vfs.tracking.uses import Use, uses
from vfs.types import Algorithm, Digest, Problem
from vfs.workspace.here import survey_here
from vfs.workspace.outs import NOT_COMMITTED
from vfs.workspace.surveyed import Survey

Change = Literal["modified", "deleted", "new"]


class FileChange(NamedTuple):
    """A file that differs.

    Attributes:
        path: of the repository.
        change: what happened to it since the pointer was written.
        old: the digest by the pointer.
        content: what lies there.
    """

    path: bytes
    change: Change
    old: Digest | None
    content: Content | None


@dataclass(slots=True)
class OutStatus:
    """An out.

    Attributes:
        use: the out, its pointer and store.
        change: of the working tree against the pointer.
        files: what differs, by path; for a file the out itself.
        missing: paths of files of the pointer that no cache has, and no working file that is their home.
        only_here: paths of those whose content lies in the working tree alone (`vfs add --no-copy`) and on no remote yet.
        lost: those of `missing` whose only place was a working file that changed.
        unlisted: the list of a directory is in no cache, or damaged there, so `files` and `missing` are not known.
        not_here: paths of files of the pointer that never were here; of an out of which nothing ever was, its own.
    """

    use: Use
    change: Change | None = None
    files: list[FileChange] = field(default_factory=list)
    missing: list[bytes] = field(default_factory=list)
    only_here: list[bytes] = field(default_factory=list)
    lost: list[bytes] = field(default_factory=list)
    unlisted: bool = False
    not_here: list[bytes] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing differs, of what is here or was."""
        return self.change is None and not self.missing and not self.unlisted

    @property
    def absent(self) -> bool:
        """Whether nothing of it ever was here."""
        return self.not_here == [self.use.out.path]

    @property
    def never_made(self) -> bool:
        """Whether it is nothing but what a stage will make, which is for the stage to say."""
        claim = self.use.claim
        return bool(claim.stage) and claim.out.digest is None and self.change == "deleted"


@dataclass(slots=True)
class Report:
    """What was found.

    Attributes:
        outs: all that were meant.
        problems: pointers that cannot be used, and files that cannot be tracked.
        notes: what lies there and is left out.
        unreadable: the first of the problems of files that record something, so that there may be more outs.
    """

    outs: list[OutStatus]
    problems: list[Problem]
    notes: list[Problem]
    unreadable: Problem | None = None


@contextmanager
def open_state(root: Path) -> Iterator[StateTable]:
    """What is remembered of a working tree, for a verb that can do without. Raises NotARepository."""
    with spare_table(git_directories(root)[0]) as table:
        yield table


def _silent(stage: str, done: int, total: int | None) -> None:
    """Progress that nobody asked for."""


def status(
    root: Path,
    table: StateTable,
    targets: Sequence[Target] = (),
    progress: Progress = _silent,
    *,
    glob: bool = False,
    surveyed: Survey | None = None,
    met: Collection[str] = (),
) -> Report:
    """The status of the outs that targets mean.

    Args:
        root: the working tree.
        table: of it.
        targets: of the command line; none: everything.
        progress: told (stage, done, total).
        glob: targets are patterns.
        surveyed: what the pointers say, if that is known.
        met: targets that mean something else, if they mean no out.

    Raises:
        NotARepository: the directory is no top of a working tree.
        UnknownPath: a target means nothing.
        DataUnavailable: a directory or file cannot be read, or changes while it is.
        StoreError: Git cannot list its files, or the table is damaged.
    """
    top = os.fsencode(root).rstrip(b"/")
    surveyed = survey_here(root) if surveyed is None else surveyed
    selection, found = uses(surveyed, "worktree", targets, glob=glob, uncommitted=True)
    selection.met(met)
    broken = [one for one in surveyed.claims.broken if one.code != NOT_COMMITTED]
    problems = [*surveyed.problems, *surveyed.claims.problems, *broken]
    report = Report([], problems, [], next(iter(surveyed.claims.unreadable.values()), None))
    mounts = mounts_below(top)
    with Contents(top, FileState(table)) as contents:
        for use in found:
            scanner = Scanner(top, use.root, mounts)
            report.outs.append(look_at(use, table, contents, top, scanner, progress))
            report.problems += scanner.problems
            report.notes += scanner.notes
    _check(selection, report)
    return report


def look_at(
    use: Use,
    table: StateTable,
    contents: Contents,
    top: bytes,
    scanner: Scanner,
    progress: Progress = _silent,
) -> OutStatus:
    """The status of one out.

    Args:
        use: it.
        table: of the working tree.
        contents: of the working tree.
        top: the working tree, absolute.
        scanner: of its DVC repository; told what cannot be tracked.
        progress: told (stage, done, total).

    Raises:
        DataUnavailable: something cannot be read, or changes while it is.
        StoreError: the table cannot be written.
    """
    look = _Look(top, use, contents, scanner, progress, table)
    return look.status(OutState(table).get(use.out.path))


def never_here(table: StateTable, path: bytes) -> bool:
    """Whether, as far as is known, nothing ever lay at the path of an out."""
    return OutState(table).get(path) is None and not FileState(table).knows_any(path)


def _check(selection: Selection, report: Report) -> None:
    """Refuse a target that meant no file of a listing; a listing that is not there may have it."""
    if not any(out.unlisted for out in report.outs):
        selection.check()


class _Look:
    """Looks at one out."""

    def __init__(
        self,
        top: bytes,
        use: Use,
        contents: Contents,
        scanner: Scanner,
        progress: Progress,
        table: StateTable,
    ) -> None:
        self._top = top
        self._path = top + b"/" + use.out.path
        self._use = use
        self._contents = contents
        self._scanner = scanner
        self._progress = progress
        self._table = table
        self._clean = CleanOuts(table)
        self._caches = Caches(use.store)
        self._status = OutStatus(use)

    def status(self, placed: Placed | None) -> OutStatus:
        """All of it; `placed` is what a checkout left there."""
        out, status = self._use.out, self._status
        kind = self._kind()
        if kind is not None and placed is not None and self._shows(placed):
            status.change = None if placed.digest == out.digest else "modified"
            return status
        if out.digest is None and out.files is None:
            status.change = "deleted" if kind is None else "new"
        elif kind is None and never_here(self._table, out.path) and not os.path.islink(self._path):
            status.not_here = [out.path]
        elif out.is_tree and out.digest is not None:
            self._whole(kind)
        elif out.is_tree:
            self._directory(kind)
        else:
            self._file(kind)
        return status

    def _shows(self, placed: Placed) -> bool:
        """Whether it is the link into a mount that `checkout --link mount` left there."""
        try:
            return bool(placed.link) and os.readlink(self._path) == placed.link
        except OSError:
            return False

    def _kind(self) -> int | None:
        """What lies there."""
        try:
            return stat.S_IFMT(os.stat(self._path).st_mode)
        except OSError:
            return None

    def _found(
        self, algorithm: Algorithm, files: Iterable[File] | None = None
    ) -> Iterator[Content]:
        files = self._scanner.files(self._use.out.path) if files is None else files
        return self._contents.of(files, algorithm, progress=self._progress)

    def _file(self, kind: int | None) -> None:
        out, status = self._use.out, self._status
        assert out.digest is not None
        found = next(self._found(out.digest.algorithm), None) if kind == stat.S_IFREG else None
        if kind is None:
            status.change = "deleted"
        elif found is None or found.digest != out.digest:
            status.change = "modified"
        if status.change is not None:
            status.files.append(FileChange(out.path, status.change, out.digest, found))
        self._lacking({out.path: out.digest})

    def _whole(self, kind: int | None) -> None:
        """A directory; if nothing was touched since it was found to be as its pointer says, `stat` is all that is asked."""
        out, status = self._use.out, self._status
        digest = out.digest
        assert digest is not None
        plain = kind == stat.S_IFDIR and out.files is None and self._use.wanted.inside is None
        if not plain or self._caches.homes is not None:
            self._directory(kind)
            return
        files = list(self._scanner.files(out.path))
        caches = [cache.directory for cache in self._caches.all]
        found = look(((file.path, file.fingerprint) for file in files), digest, caches)
        if self._clean.holds(out.path, digest, found):
            return
        self._directory(kind, files)
        if status.clean and not status.not_here:
            self._clean.note(out.path, digest, found)

    def _directory(self, kind: int | None, files: Iterable[File] | None = None) -> None:
        out, status = self._use.out, self._status
        algorithm = Algorithm.MD5 if out.digest is None else out.digest.algorithm
        try:
            listed = self._listed()
        except (DataUnavailable, ContentMismatch, FormatError):
            self._unlisted(kind, algorithm, files)
            return
        gone, cut = dict(listed), len(out.path) + 1
        for content in self._found(algorithm, files) if kind == stat.S_IFDIR else ():
            path = content.file.path
            old = gone.pop(path[cut:], None)
            if old is None:
                if self._use.means(path[cut:]):
                    status.files.append(FileChange(path, "new", None, content))
            elif old != content.digest:
                status.files.append(FileChange(path, "modified", old, content))
        for path in self._unseen(list(gone)):
            status.not_here.append(self._full(path))
            del gone[path], listed[path]
        self._lacking(listed, out.path + b"/")
        deleted = [FileChange(self._full(p), "deleted", d, None) for p, d in gone.items()]
        status.files = sorted([*status.files, *deleted], key=lambda change: change.path)
        if kind is None:
            status.change = "deleted"
        elif status.files or kind != stat.S_IFDIR:
            status.change = "modified"

    def _unseen(self, paths: list[bytes]) -> list[bytes]:
        """Those files of the directory that were never here; what a `.dvcignore` hides is no data."""
        known = FileState(self._table).knows([self._full(path) for path in paths])
        unseen = [path for path, seen in zip(paths, known, strict=True) if not seen]
        return visible(self._top, self._use.root, self._use.out.path, unseen)

    def _lacking(self, files: dict[bytes, Digest], above: bytes = b"") -> None:
        """Tell what the caches lack of some files, relative to `above`, and what the working tree has instead."""
        lacking = absent(self._caches.all, files.values())
        if not lacking:
            return
        status, homes = self._status, self._caches.homes
        here: dict[Digest, Home] = {}
        if homes is not None:
            digests = list(lacking)
            found = zip(digests, homes.intact(digests), strict=True)
            here = {digest: home for digest, home in found if home is not None}
        for path, digest in files.items():
            if digest in here:
                if not here[digest].pushed:
                    status.only_here.append(above + path)
            elif digest in lacking:
                status.missing.append(above + path)
                if homes is not None and homes.changed(digest):
                    status.lost.append(above + path)

    def _listed(self) -> dict[bytes, Digest]:
        """The files of the pointer that are meant, relative to it."""
        files = self._use.out.files
        if files is None:
            return {path: digest for path, digest, _ in self._use.files(self._caches)}
        return {f.path: f.digest for f in files if f.digest is not None and self._use.means(f.path)}

    def _unlisted(
        self, kind: int | None, algorithm: Algorithm, files: Iterable[File] | None
    ) -> None:
        """Compare a directory whose list is in no cache by the digest of the list it would have now."""
        out, status = self._use.out, self._status
        status.unlisted = True
        cut = len(out.path) + 1
        entries = ((c.file.path[cut:], c.digest.hex) for c in self._found(algorithm, files))
        if kind is None:
            status.change = "deleted"
        elif (
            kind != stat.S_IFDIR
            or out.digest is None
            or listing_digest(entries) != out.digest.value
        ):
            status.change = "modified"

    def _full(self, path: bytes) -> bytes:
        return self._use.out.path + b"/" + path
