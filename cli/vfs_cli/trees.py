"""Revisions as trees of files, for verbs that show values in them (`vfs.values.tree.Tree`).

Rule: in the working tree a file that lies there counts; one that is recorded and not there is read as `vfs cat --rev worktree` does. A directory that
is here in part has the files that a command would find in it (docs/pipelines.md, "Directories that are here in part").
What is a symlink there may lead into the working tree or DVC's cache, nowhere else: a page of plots may be given away.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vfs.errors import DataUnavailable, FormatError, UnknownPath
from vfs.formats.file_names import is_pointer
from vfs.pipeline.absolute import Absolute
from vfs.types import Blob, Entry, Kind
from vfs.values.tree import Tree
from vfs_cli.progress import Progress
from vfs_cli.target import WORKTREE, Target, opening
from vfs_cli.text import format_size, readable

if TYPE_CHECKING:
    from vfs.formats.stage_values import Definition
    from vfs.git.objects import TreeItem
    from vfs.pipeline.absent import NotHere
    from vfs.workspace import Snapshot, Workspace
    from vfs.workspace.surveyed import Survey

_PIPELINE = b"dvc.yaml"
_MAX_POINTER = 1 << 20


@contextmanager
def trees(target: Target, revisions: Sequence[str], *, quiet: bool) -> Iterator[list[Tree]]:
    """The trees of revisions of a repository, as long as it is open.

    Raises:
        VfsError: as `open_workspace`, `Workspace.snapshot`, `survey_here`.
    """
    with opening(target) as workspace, Progress(quiet=quiet) as progress, ExitStack() as stack:

        def tree(rev: str) -> Tree:
            root = Path(target.repo)
            if rev == WORKTREE and (root / ".git").exists():
                return WorkingTree(root, workspace, progress, stack)
            return Revision(rev, workspace(), workspace().snapshot(rev, progress.step))

        yield [tree(rev) for rev in revisions]


class Revision:
    """A commit."""

    def __init__(self, name: str, workspace: "Workspace", shown: "Snapshot") -> None:
        self.name = name
        self._workspace = workspace
        self._shown = shown
        top = workspace.root
        self._absolute = None if top is None else Absolute(os.fsencode(top), b"")

    def relative(self, definition: "Definition") -> "Definition":
        """As `Tree.relative`, of the working tree that the commit would lie in."""
        return definition if self._absolute is None else self._absolute.relative(definition)

    def pipelines(self) -> Sequence[bytes]:
        """The paths of pipelines that Git has and DVC sees."""
        repository = self._workspace.repository
        found = []
        todo = [(b"", self._shown.tree)]
        while todo:
            prefix, oid = todo.pop()
            for item in repository.read_tree(oid):
                if stat.S_ISDIR(item.mode) and item.name != b".dvc":
                    todo.append((prefix + item.name + b"/", item.oid))
                elif stat.S_ISREG(item.mode) and self._is_pipeline(item):
                    found.append(prefix + item.name)
        return sorted(path for path in found if not self._shown.hides(path))

    def _is_pipeline(self, item: "TreeItem") -> bool:
        """Whether a file is a `dvc.yaml`, or may be a pointer with a command: few of them are, and all are small."""
        if not is_pointer(item.name):
            return item.name == _PIPELINE
        with contextlib.suppress(FormatError):
            return b"cmd" in self._workspace.repository.read_blob(item.oid, _MAX_POINTER)
        return False

    def read(self, path: bytes, limit: int) -> bytes:
        """The bytes of a file. Raises as `Tree.read`."""
        name = readable(path)
        found = self._shown.resolve(path)
        if not isinstance(found, Entry) or found.digest is None:
            kind = "a symlink" if isinstance(found, Entry) else "a directory"
            if isinstance(found, Entry) and found.kind is Kind.BROKEN:
                raise self._shown.unavailable(path, path, found)
            raise DataUnavailable(f"{name} of {self.name} is {kind}")
        if found.kind is Kind.SYMLINK:
            raise DataUnavailable(f"{name} of {self.name} is a symlink")
        if found.size > limit:
            raise _too_large(name, found.size, limit)
        from vfs_cli.fetching import stream

        parts: list[bytes] = []
        blob = Blob(found.digest, found.size)
        stream(self._workspace, self._shown, found, blob, lambda data: parts.append(bytes(data)))
        return b"".join(parts)

    def files(self, path: bytes) -> list[bytes] | None:
        """The files below a directory."""
        try:
            found = self._shown.resolve(path)
        except UnknownPath:
            return None
        if isinstance(found, Entry):
            return None
        return [p for p, entry in self._shown.walk(path) if entry.kind is not Kind.DIRECTORY]


class WorkingTree:
    """What lies in the working tree, and what its pointers record; `stack` ends what it opens."""

    name = WORKTREE

    def __init__(
        self, root: Path, workspace: "Callable[[], Workspace]", progress: Progress, stack: ExitStack
    ) -> None:
        self._root = os.path.realpath(os.fsencode(root))
        self._path = root
        self._workspace = workspace
        self._progress = progress
        self._stack = stack
        self._absolute = Absolute(self._root, b"")
        self._absent: dict[bytes, NotHere] = {}  # by the root of the DVC repository

    @cached_property
    def _survey(self) -> "Survey":
        from vfs.workspace.here import survey_here

        return survey_here(self._path)

    @cached_property
    def _recorded(self) -> Revision:
        shown = self._workspace().snapshot(WORKTREE, self._progress.step)
        return Revision(WORKTREE, self._workspace(), shown)

    def relative(self, definition: "Definition") -> "Definition":
        """As `Tree.relative`."""
        return self._absolute.relative(definition)

    def pipelines(self) -> Sequence[bytes]:
        """The paths of pipelines that Git and DVC see, and of pointers that cannot be read, which may be some."""
        claims = self._survey.claims
        return list(dict.fromkeys((*self._survey.pipelines, *claims.commands, *claims.unreadable)))

    def read(self, path: bytes, limit: int) -> bytes:
        """The bytes of a file. Raises as `Tree.read`."""
        name = readable(path)
        place = os.path.join(self._root, path)
        try:
            self._check(place, path, name)
            with open(os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise DataUnavailable(f"{name} is no file")
                if status.st_size > limit:
                    raise _too_large(name, status.st_size, limit)
                return file.read(limit)
        except (FileNotFoundError, NotADirectoryError):
            if self._is_recorded(path):
                return self._recorded.read(path, limit)
            raise UnknownPath(f"{name} is not in the working tree") from None
        except OSError as error:
            raise DataUnavailable(f"{name}: {error.strerror or 'cannot be read'}") from error

    def files(self, path: bytes) -> list[bytes] | None:
        """The files below a directory. Raises VfsError: what was never here of it is not known."""
        top = os.path.join(self._root, path)
        if os.path.isdir(top):
            found = {
                os.path.relpath(os.path.join(directory, name), self._root)
                for directory, _, names in os.walk(top)
                for name in names
            }
            return sorted(found.union(self._lacking(path)))
        if not os.path.lexists(top) and self._is_recorded(path):
            return self._recorded.files(path)
        return None

    def _lacking(self, path: bytes) -> Iterator[bytes]:
        """The files at or below a directory that a command would find and that do not lie there."""
        from vfs.tracking.project import is_inside

        outs = [claim.out.path for claim in self._survey.claims.served]
        if not any(is_inside(path, out) or is_inside(out, path) for out in outs):
            return
        for claim, files in self._not_here(path).pieces(path):
            out = claim.out.path
            if files is None:
                yield from self._recorded.files(out) or [out]
            else:
                yield from (out + b"/" + name for name, _ in files)

    def _not_here(self, path: bytes) -> "NotHere":
        """What is recorded and does not lie there."""
        from vfs.pipeline.absent import NotHere
        from vfs.tracking.project import project_of
        from vfs.tracking.status import open_state

        survey = self._survey
        inner = survey.roots.root_of(path + b"/x")
        if inner not in self._absent:
            table = self._stack.enter_context(open_state(self._path))
            project = project_of(
                self._root, inner, survey, table, self._workspace, self._progress.step
            )
            self._absent[inner] = NotHere(self._stack.enter_context(project))
        return self._absent[inner]

    def _check(self, place: bytes, path: bytes, name: str) -> None:
        """Refuse what a symlink leads out of the working tree to, unless that is DVC's cache."""
        real = os.path.realpath(place)
        if real.startswith(self._root + b"/"):
            return
        caches = self._survey.roots.store_of(path).caches
        if not any(real.startswith(os.path.realpath(os.fsencode(c)) + b"/") for c in caches):
            raise DataUnavailable(f"{name} is a symlink that leads out of the working tree")

    def _is_recorded(self, path: bytes) -> bool:
        """Whether a pointer or lock has a path, or what it lies in."""
        owners = {claim.out.path for claim in self._survey.claims.own}
        while path and path not in owners:
            path = path.rpartition(b"/")[0]
        return path in owners


def _too_large(name: str, size: int, limit: int) -> FormatError:
    return FormatError(f"has {format_size(size)}, at most {format_size(limit)} are read", file=name)
