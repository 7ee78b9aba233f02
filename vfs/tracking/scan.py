"""What lies in the working tree at a path that is tracked, or is to be: the walk that all verbs share.

    scanner = Scanner(top, border)
    for file in scanner.files(b"data"):   # sorted by path, as in a listing; nothing is opened
        ...
    scanner.problems                      # what cannot be tracked; `check()` raises the first
    scanner.notes                         # what DVC leaves out without a word

`vfs.tracking.contents` gives the digests of what was found.

Rules (DVC's, tried with 3.67, its traps made errors):

* File symlinks are followed: their target's bytes are the content. A broken one is a problem.
* A symlink to a directory is not followed: a note. Empty directories leave no trace.
* FIFOs, sockets, devices, names that are no UTF-8 or that no listing may hold, a `.dvcignore`, and a directory that is a DVC
  repository of its own (DVC would leave all of it out) are problems.
* A mount of vfs is passed over: a note. What is on one is no part of the working tree.
* `.git`, `.hg/` and what `.dvcignore` files hide are left out.

Memory: one directory at a time.
"""

import os
import re
import stat
from collections.abc import Iterator, Set
from operator import itemgetter
from typing import Final

from vfs.core.paths import check_listed, show
from vfs.errors import DataUnavailable, FormatError, UnsafePath, VfsError
from vfs.mount_table import is_on, mounts_below
from vfs.objects import fingerprint
from vfs.tracking.file import File
from vfs.tracking.ignored import IGNORE_FILE, Ignored
from vfs.types import Problem, Severity

# Names that any listing may hold: ASCII, none begins with a dot.
_PLAIN: Final = re.compile(rb"(?:[A-Za-z0-9_][\w.+=@,-]{0,199}(?:/(?!\Z)|\Z)){1,16}\Z")


class Scanner:
    """Walks paths of one DVC repository.

    Attributes:
        problems: what cannot be tracked, found so far.
        notes: what is left out although nobody said so, found so far.
    """

    def __init__(
        self,
        top: bytes,
        border: bytes = b"",
        mounts: Set[bytes] | None = None,
        *,
        rules: bytes | None = None,
    ) -> None:
        """Touches nothing but the table of mounts.

        Args:
            top: the working tree, absolute.
            border: root of the DVC repository, relative to it.
            mounts: of vfs, below the working tree (`mounts_below`); None: those there are now. None at all where
                `top` is the place of a source, which may be on one as on any file system.
            rules: where the `.dvcignore` files lie, if not in `top`.
        """
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self._top = top.rstrip(b"/")
        self._rules = self._top if rules is None else rules
        self._border = border
        self._mounts = mounts_below(self._top) if mounts is None else mounts

    def files(self, path: bytes, *, hidden: bool = False) -> Iterator[File]:
        """The file at a path, or all below it, sorted by path; nothing if there is nothing.

        Args:
            path: where.
            hidden: a file at the path itself is meant though a `.dvcignore` hides it, as what depends on it by name means it.

        Raises:
            DataUnavailable: a directory cannot be read.
        """
        if is_on(path, self._mounts):
            self._problem(path, "mount", "is on a mount of vfs", "vfs umount it")
            return
        ignored = Ignored(self._rules, self._border, path)
        try:
            found = os.lstat(self._absolute(path))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _unreadable(self._absolute(path), error) from error
        is_directory = stat.S_ISDIR(found.st_mode)
        if (is_directory or not hidden) and ignored.hides_whole(path, is_directory=is_directory):
            self._problem(path, "ignored", "is hidden by a .dvcignore", "change the pattern")
        elif is_directory:
            yield from self._below(path, ignored)
        elif stat.S_ISLNK(found.st_mode) and os.path.isdir(self._absolute(path)):
            self._problem(
                path, "symlink", "is a symlink to a directory", "name the directory it leads to"
            )
        else:
            yield from self._file(path, found)

    def check(self) -> None:
        """Raise the first problem, if there is one.

        Raises:
            UnsafePath: a name cannot be tracked.
            DataUnavailable: something else cannot be.
        """
        for problem in self.problems[:1]:
            more = len(self.problems) - 1
            also = f" (and {more} more like this)" if more else ""
            kind: type[VfsError] = (
                UnsafePath if problem.code == UnsafePath.code else DataUnavailable
            )
            raise kind(problem.message + also, hint=problem.hint)

    def _below(self, top: bytes, ignored: Ignored) -> Iterator[File]:
        """All files below a directory; no recursion: trees are deep."""
        stack = [iter(self._entries(top, ignored))]
        plain, make = _PLAIN.match, tuple.__new__
        cut = len(top) + 1 if top else 0
        while stack:
            for path, kind, found in stack[-1]:
                if kind == stat.S_IFDIR:
                    stack.append(iter(self._entries(path, ignored)))
                    break
                if kind == stat.S_IFREG and found is not None and plain(path, cut):
                    # as `_file` below, for nearly all files
                    yield make(
                        File,
                        (path, fingerprint(found), bool(found.st_mode & 0o111), False),
                    )
                elif self._listable(path, top):
                    yield from self._file(path, found)
            else:
                stack.pop()

    def _entries(
        self, directory: bytes, ignored: Ignored
    ) -> list[tuple[bytes, int, os.stat_result | None]]:
        """(path, kind, lstat of what is no directory), so ordered that all paths come sorted.

        A directory sorts as if its name ended in a slash: everything below it then stands together.
        """
        found: list[tuple[bytes, bytes, int, os.stat_result | None]] = []
        try:
            with os.scandir(self._absolute(directory)) as entries:
                before = directory + b"/" if directory else b""
                rules, mounts = ignored.rules, self._mounts
                for entry in entries:  # as few calls as it takes: there may be millions
                    name = entry.name
                    path = before + name
                    is_directory = entry.is_dir(follow_symlinks=False)
                    if rules or name.startswith(b"."):
                        if is_directory and name == b".dvc":
                            self._own_repository(directory)
                            return []
                        if ignored.hides(path, is_directory=is_directory):
                            continue
                    if mounts and path in mounts:
                        self._note(path, "is a mount of vfs; what is in it is not tracked")
                        continue
                    if is_directory:
                        found.append((name + b"/", path, stat.S_IFDIR, None))
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    found.append((name, path, stat.S_IFMT(status.st_mode), status))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _unreadable(self._absolute(directory), error) from error
        found.sort(key=itemgetter(0))
        return [(path, kind, status) for _, path, kind, status in found]

    def _file(self, path: bytes, found: os.stat_result | None) -> Iterator[File]:
        """The file at a path that is no directory, unless it is something else."""
        assert found is not None
        link = stat.S_ISLNK(found.st_mode)
        if link:
            try:
                found = os.stat(self._absolute(path))
            except OSError as error:
                self._problem(
                    path, "symlink", f"is a symlink that leads nowhere ({error.strerror})",
                    "remove it, or name it in .dvcignore",
                )  # fmt: skip
                return
            if stat.S_ISDIR(found.st_mode):
                self._note(path, "is a symlink to a directory; what is in it is not tracked")
                return
        if stat.S_ISREG(found.st_mode):
            yield File(path, fingerprint(found), bool(found.st_mode & 0o111), link)
        else:
            self._problem(
                path, "no-file", "is a pipe, socket or device, which has no content to track",
                "remove it, or name it in .dvcignore",
            )  # fmt: skip

    def _listable(self, path: bytes, top: bytes) -> bool:
        """Whether a listing may hold a file; says so if not."""
        below = path[len(top) + 1 :] if top else path
        if path.rpartition(b"/")[2] == IGNORE_FILE:
            self._problem(
                path, "dvcignore", "lies inside tracked data, where DVC refuses it",
                "move its patterns into a .dvcignore above the data",
            )  # fmt: skip
            return False
        try:
            check_listed(below).decode()
        except UnicodeDecodeError:
            message = "has a name that is no UTF-8, which no listing can hold"
            self._problem(path, UnsafePath.code, message, "rename it, or name it in .dvcignore")
            return False
        except FormatError as error:
            message = f"cannot be tracked: {error.problem}"
            self._problem(path, UnsafePath.code, message, "rename it, or name it in .dvcignore")
            return False
        return True

    def _own_repository(self, directory: bytes) -> None:
        self._problem(
            directory, "nested-repository", "is a DVC repository of its own (it holds .dvc), "
            "which DVC leaves out of other data",
            "move it away, remove its .dvc, or name it in .dvcignore",
        )  # fmt: skip

    def _absolute(self, path: bytes) -> bytes:
        return self._top + b"/" + path if path else self._top

    def _problem(self, path: bytes, code: str, message: str, hint: str) -> None:
        self.problems.append(Problem(path, code, f"{show(path)} {message}", hint))

    def _note(self, path: bytes, message: str) -> None:
        note = Problem(path, "not-tracked", f"{show(path)} {message}", severity=Severity.NOTE)
        self.notes.append(note)


def _unreadable(path: bytes, error: OSError) -> DataUnavailable:
    return DataUnavailable(f"{os.fsdecode(path)} cannot be read: {error.strerror}")
