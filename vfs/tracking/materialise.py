"""Carrying out the plan of a checkout: everything is built beside, then renamed into place.

Rules:

* What can fail for want of space, an object or a permission is done in a directory of its own below `.dvc/tmp`; until all
  of it is there, nothing of the working tree is touched.
* A file is replaced or removed only if it is still what was compared. A directory is removed only if it is empty.
* No symlink inside the working tree is followed.
"""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

from blake3 import blake3

from vfs.errors import StoreError, WouldOverwrite
from vfs.mount_table import in_view
from vfs.objects import fingerprint
from vfs.tracking.caches import Caches
from vfs.tracking.compare import Plan, Present, Wish
from vfs.tracking.links import Linker, Put, failed, put_all
from vfs.tracking.parallel import MANY, each, in_processes

_JOBS = 2
"""Threads, where there is too little to do for processes."""

_Staged = Callable[[bytes], bytes]
"""Where the file of a path is made."""

_STAGING = b"vfs-checkout-"


def sweep(root: bytes) -> None:
    """Remove what killed checkouts of the DVC repository at `root` (absolute) were building; call it under the lock."""
    parent = os.path.join(root, b".dvc", b"tmp")
    with suppress(OSError):
        for name in os.listdir(parent):
            if name.startswith(_STAGING):
                shutil.rmtree(os.path.join(parent, name), ignore_errors=True)


class Materialiser:
    """Makes files of one working tree.

    Args:
        top: the working tree, absolute.
        root: of the DVC repository, absolute.
    """

    def __init__(self, top: bytes, root: bytes) -> None:
        self._top = top
        self._root = root
        self._made: set[bytes] = set()

    def carry_out(self, plan: Plan, out: bytes, caches: Caches, linker: Linker) -> int:
        """Do what a plan says for the out at a path.

        Returns:
            When all was made and nothing in its place yet, in nanoseconds since the epoch: what was written later is the user's.

        Raises:
            StoreFull, StoreError: it cannot be written; the working tree is as it was, unless it changed meanwhile.
            WouldOverwrite: a file changed since it was compared.
        """
        self._made.clear()
        with self._staging() as staging:
            fresh = not os.path.lexists(self._absolute(out)) and out not in plan.place
            if fresh and plan.place and all(path.startswith(out + b"/") for path in plan.place):
                return self._whole(plan, out, staging, caches, linker)
            staged = partial(_staged, staging)
            self._build(plan.place, staged, caches, linker)
            made = time.time_ns()
            self._apply(plan, out, staged, caches)
            return made

    def link(self, plan: Plan, out: bytes, target: bytes, caches: Caches) -> None:
        """Put a symlink in the place of an out; raises as `carry_out`."""
        with self._staging() as staging:
            staged = os.path.join(staging, b"link")
            try:
                os.symlink(target, staged)
            except OSError as error:
                raise failed(self._absolute(out), error) from error
            self._remove(plan.remove, out, caches)
            self._place(out, staged, None)

    # Building -------------------------------------------------------------------------------------

    @contextmanager
    def _staging(self) -> Iterator[bytes]:
        # in a view, `.dvc` is another file system, from which nothing can be renamed
        beside = (b".vfs",) if in_view(self._top) else (b".dvc", b"tmp")
        parent = os.path.join(self._root, *beside)
        try:
            os.makedirs(parent, exist_ok=True)
            made = tempfile.mkdtemp(prefix=_STAGING, dir=parent)
        except OSError as error:
            raise failed(parent, error) from error
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _build(
        self, place: Mapping[bytes, Wish], staged: _Staged, caches: Caches, linker: Linker
    ) -> None:
        """Make files; many at a time, since one takes less than handing it over does."""
        only = caches.home if len(caches.all) == 1 else None

        def puts(items: Iterable[tuple[bytes, Wish]]) -> list[Put]:
            held = [
                (p, w, only or caches.holder(w.digest, size=w.size) or caches.home)
                for p, w in items
            ]
            return [Put(c.path(w.digest), staged(p), w.executable) for p, w, c in held]

        items = list(place.items())
        if len(items) >= MANY:
            in_processes(items, lambda by, some: by.call(put_all, linker, puts(some)))
            return
        for _, error in each(
            [puts(items[n::_JOBS]) for n in range(_JOBS)], partial(put_all, linker), _JOBS
        ):
            raise error

    def _whole(self, plan: Plan, out: bytes, staging: bytes, caches: Caches, linker: Linker) -> int:
        """A directory that is not there yet is built whole and renamed once."""
        tree = os.path.join(staging, b"tree")
        cut = len(out)
        try:
            for directory in sorted({os.path.dirname(path) for path in plan.place}):
                os.makedirs(tree + directory[cut:], exist_ok=True)
        except OSError as error:
            raise failed(self._absolute(out), error) from error
        self._build(plan.place, lambda path: tree + path[cut:], caches, linker)
        made = time.time_ns()
        self._place(out, tree, None)
        return made

    # Applying -------------------------------------------------------------------------------------

    def _apply(self, plan: Plan, out: bytes, staged: _Staged, caches: Caches) -> None:
        for present in (*plan.remove, *plan.replaced.values()):
            self._unchanged(present)
        self._remove(plan.remove, out, caches)
        for path in plan.place:
            replaced = plan.replaced.get(path)
            if replaced is not None and replaced.only is not None:
                self._unchanged(replaced)
                caches.take(self._absolute(path), replaced.only, replaced.fingerprint.mtime)
                replaced = None  # it may be gone
            self._place(path, staged(path), replaced)
        for path, executable in plan.modes.items():
            absolute = self._absolute(path)
            mode = stat.S_IMODE(os.stat(absolute).st_mode)
            os.chmod(absolute, mode | 0o100 if executable else mode & ~0o111)

    def _place(self, path: bytes, made: bytes, replaced: Present | None) -> None:
        absolute = self._absolute(path)
        try:
            self._directories(os.path.dirname(path))
            if replaced is not None:
                self._unchanged(replaced)
            elif os.path.lexists(absolute) and not os.path.isdir(absolute):
                os.unlink(absolute)  # a link or a pipe: the plan says that it may go
            elif os.path.isdir(absolute) and not os.path.islink(absolute):
                _remove_empty(absolute)
            elif os.path.islink(absolute):
                os.unlink(absolute)
            os.rename(made, absolute)
        except OSError as error:
            raise failed(absolute, error) from error

    def _directories(self, path: bytes) -> None:
        """Make the directories of a path; what is no directory makes room."""
        if not path or path in self._made:
            return
        self._directories(os.path.dirname(path))
        absolute = self._absolute(path)
        try:
            is_directory = stat.S_ISDIR(os.lstat(absolute).st_mode)
        except FileNotFoundError:
            os.mkdir(absolute)
        else:
            if not is_directory:
                os.unlink(absolute)
                os.mkdir(absolute)
        self._made.add(path)

    def _remove(self, surplus: list[Present], out: bytes, caches: Caches) -> None:
        """Remove files, and the directories that are empty then."""
        try:
            for present in surplus:
                self._unchanged(present)
                if present.only is not None:
                    caches.take(
                        self._absolute(present.path), present.only, present.fingerprint.mtime
                    )
                with suppress(FileNotFoundError):
                    os.unlink(self._absolute(present.path))
            above = {os.path.dirname(present.path) for present in surplus}
            for directory in sorted(above, key=lambda path: -path.count(b"/")):
                while directory.startswith(out):
                    try:
                        os.rmdir(self._absolute(directory))
                    except OSError:
                        break
                    directory = os.path.dirname(directory)
        except OSError as error:
            raise failed(self._absolute(out), error) from error

    def _unchanged(self, present: Present) -> None:
        absolute = self._absolute(present.path)
        try:
            found = os.stat(absolute)
        except OSError as error:
            raise failed(absolute, error) from error
        if fingerprint(found) != present.fingerprint:
            raise WouldOverwrite(
                f"{os.fsdecode(absolute)} changed while it was looked at",
                hint="let its writer end, then try again",
            )

    def _absolute(self, path: bytes) -> bytes:
        return os.path.join(self._top, path)


def _staged(staging: bytes, path: bytes) -> bytes:
    """Where a file is made beside others of whatever directory."""
    return b"%b/%b" % (staging, blake3(path).hexdigest(16).encode())


def _remove_empty(directory: bytes) -> None:
    """Remove a tree of empty directories."""
    for parent, _, _ in os.walk(directory, topdown=False):
        with suppress(FileNotFoundError):
            os.rmdir(parent)


def check_parents(top: bytes, path: bytes) -> None:
    """Refuse a path whose parents lead out of the working tree. Raises StoreError."""
    parent = os.path.dirname(path)
    while parent:
        if os.path.islink(os.path.join(top, parent)):
            raise StoreError(
                f"{os.fsdecode(parent)} is a symlink; nothing is written through it",
                hint="replace it by a directory",
            )
        parent = os.path.dirname(parent)
