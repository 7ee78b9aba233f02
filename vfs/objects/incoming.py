"""How a file comes into a cache: under a temporary name, whole, then under its own.

Rules:

- A temporary file is locked (`flock`) by who writes it; the lock ends with the writer, however it ends, and
  what nobody holds is removed (`vfs.objects.leftovers`).
- Nothing is fsynced when it is written: `sync` brings all of it to the disk, a few files and large ones one by one, more with one
  `syncfs` (which also waits for what others write there). The descriptor that takes is opened before the first write,
  because Linux reports to it what failed since then.
"""

import errno
import fcntl
import itertools
import os
import signal
import stat
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from vfs.errors import StoreError, StoreFull
from vfs.formats.hashing import new_hasher
from vfs.objects.filesystem import sync_filesystem
from vfs.types import Algorithm, Digest

if TYPE_CHECKING:
    from concurrent.futures import Future

_PREFIX: Final = ".vfs-"
_SUFFIX: Final = ".tmp"
_FEW: Final = 16
_LOCK: Final = fcntl.LOCK_EX | fcntl.LOCK_NB
_MODE: Final = 0o444
MARK: Final = stat.S_IFREG | _MODE
"""The kind and mode of an object that was verified."""
_SHARED: Final = 0o2775
_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class Temporary:
    """A file that is being written; as a context manager, gone at the end unless it was published.

    Attributes:
        descriptor: open for reading and writing.
        base: directory that it was made in.
        path: its temporary name; "" once it was published.
    """

    __slots__ = ("base", "descriptor", "path")

    def __init__(self, descriptor: int, base: str, path: str) -> None:
        self.descriptor = descriptor
        self.base = base
        self.path = path

    def __enter__(self) -> "Temporary":
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.descriptor)
        if self.path:
            with suppress(FileNotFoundError):
                os.unlink(self.path)


class Incoming:
    """The writing side of one cache directory; thread-safe."""

    def __init__(self, directory: str, *, shared: bool = False) -> None:
        """Touches nothing yet; with `shared` a group may write to the directories that are made."""
        self.directory = directory
        self._shared = shared
        self._made: set[str] = set()
        self._marking: set[str] = (
            set()
        )  # directories whose new files have the mode they were made with
        self._root: int | None = None
        self._grown: set[str] = set()  # directories that got new ones
        self._new: list[str] = []  # published and not synced; no more than one over `_FEW`
        self._expecting = False  # others publish
        self._large: list[str] = []  # the same, of files that the disk has begun with
        self._begun: Future[None] | None = None  # what `begin_sync` began
        self._names = map(f"{_PREFIX}{os.urandom(8).hex()}-{{}}{_SUFFIX}".format, itertools.count())

    def temporary(self, base: str) -> Temporary:
        """A new file in the directory `base`. Raises StoreFull, StoreError."""
        path = f"{base}/{next(self._names)}"
        try:
            self._make(base)
            try:
                descriptor = os.open(path, _CREATE, _MODE)
            except FileNotFoundError:  # `dvc gc` removed the empty directory meanwhile
                self._directories(base)
                descriptor = os.open(path, _CREATE, _MODE)
        except OSError as error:
            raise self.failed(error) from error
        try:  # noqa: SIM105 - of every file there is
            fcntl.flock(descriptor, _LOCK)
        except OSError:  # where there are no such locks, nothing is swept either
            pass
        return Temporary(descriptor, base, path)

    def publish(self, made: Temporary, path: str, *, large: bool = False) -> None:
        """Give a complete file its name, and mode 0444; of a `large` one the disk has most. Raises StoreFull, StoreError."""
        try:
            if made.base not in self._marking:
                if os.fstat(made.descriptor).st_mode & 0o777 == _MODE:
                    self._marking.add(made.base)
                else:  # a strict umask
                    os.fchmod(made.descriptor, _MODE)
            self._rename(made.path, path)
        except OSError as error:
            raise self.failed(error) from error
        made.path = ""
        self._note(path, large)

    def adopt(self, source: bytes, path: str, mtime: int) -> bool:
        """Give a file that is whole and on this file system its name, and mode 0444.

        Args:
            source: the file.
            path: its name in the cache.
            mtime: of the file when it was hashed (ns).

        Returns:
            False, and nothing was done, if somebody wrote to it since, or still may.

        Raises:
            StoreFull, StoreError: it cannot be renamed; it is as it was.
        """
        try:
            with open(os.open(source, _OPEN), "rb", buffering=0) as file, ExitStack() as undo:
                undo.callback(os.fchmod, file.fileno(), os.fstat(file.fileno()).st_mode & 0o7777)
                os.fchmod(file.fileno(), _MODE)  # nobody opens it for writing from here on
                if _has_writers(file.fileno()) or os.fstat(file.fileno()).st_mtime_ns != mtime:
                    return False
                self._rename(source, path)
                undo.pop_all()
        except OSError as error:
            raise self.failed(error) from error
        self._note(path, False)
        return True

    def _rename(self, source: str | bytes, path: str) -> None:
        self._make(path.rpartition("/")[0])
        try:
            os.rename(source, path)
        except FileNotFoundError:  # `dvc gc` removed the empty directory meanwhile
            self._directories(os.path.dirname(path))
            os.rename(source, path)

    def _note(self, path: str, large: bool) -> None:
        if large:
            self._large.append(path)
        elif len(self._new) <= _FEW:
            self._new.append(path)

    def write(self, descriptor: int, view: memoryview) -> None:
        """Write all of it. Raises StoreFull, StoreError."""
        try:
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError as error:
            raise self.failed(error) from error

    def expect(self, base: str) -> None:
        """Others are about to write here for us, below `base`. Raises StoreFull, StoreError."""
        try:
            self._make(base)
        except OSError as error:
            raise self.failed(error) from error
        self._expecting = True

    def begin_sync(self) -> None:
        """Let the disk begin with everything that was written, if that is much; `sync` waits for it."""
        much = self._expecting or len(self._new) > _FEW
        if self._root is not None and self._begun is None and much:
            from concurrent.futures import ThreadPoolExecutor  # who adds little does without

            self._expecting = False
            self._new, self._large, self._grown = [], [], set()
            pool = ThreadPoolExecutor(1, "vfs-sync")
            self._begun = pool.submit(sync_filesystem, self._root, self.directory)
            pool.shutdown(wait=False)

    def sync(self) -> None:
        """Bring everything that was written to the disk. Raises StoreError."""
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.result()
        expecting, self._expecting = self._expecting, False
        new, self._new = self._new, []
        large, self._large = self._large, []
        grown, self._grown = self._grown, set()
        if self._root is not None and (expecting or len(new) > _FEW):
            sync_filesystem(self._root, self.directory)
            return
        files = (*large, *new)
        directories = {os.path.dirname(path) for path in files}
        above = {os.path.dirname(path) for path in directories}
        try:
            for path in (*files, *directories, *above, *grown):
                with suppress(FileNotFoundError):  # somebody removed it
                    _sync(path)
        except OSError as error:
            raise self.failed(error) from error

    def failed(self, error: OSError) -> StoreError:
        """What it means that the cache cannot be written."""
        where = f"the cache {self.directory}: {error.strerror}"
        if error.errno in FULL:
            return StoreFull(where, hint="free disk space (`vfs gc`), or move it: cache.dir")
        return StoreError(where, hint="check its owner and mode, or set cache.dir")

    def _make(self, directory: str) -> None:
        if directory in self._made:
            return
        above = os.path.dirname(directory)
        while not os.path.isdir(above):
            self._grown.add(above)
            above = os.path.dirname(above)
        self._grown.add(above)
        self._directories(directory)
        if self._root is None:
            self._root = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, self._root)
        self._made.add(directory)

    def _directories(self, path: str) -> None:
        """Make the directories of a path that are not there."""
        if not self._shared:
            os.makedirs(path, exist_ok=True)
            return
        missing = []
        while not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for directory in reversed(missing):
            with suppress(FileExistsError):
                os.mkdir(directory)
                os.chmod(directory, _SHARED)  # as DVC's: new files get the group of the directory


def trust(path: str, digest: Digest, size: int | None) -> bool | None:
    """Whether an object was verified by who put it there, and its size may be right (`size`: is); None if there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if found.st_mode != MARK:
        return False if stat.S_ISREG(found.st_mode) else None
    if not found.st_size and digest.value != new_hasher(digest.algorithm).digest():
        return False
    # contents with other line ends have the name of DVC 2 in common
    return size in (None, found.st_size) or digest.algorithm is not Algorithm.MD5


def entries(directory: str) -> Iterator["os.DirEntry[str]"]:
    """What a directory holds; nothing if there is none."""
    try:
        with os.scandir(directory) as found:
            yield from found
    except (FileNotFoundError, NotADirectoryError):
        return


def names_in(directory: str) -> list[str]:
    """As `entries`, names only; nothing if it cannot be read."""
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _has_writers(descriptor: int) -> bool:
    """Whether a file is open for writing anywhere on this machine, or mapped so; True if the file system cannot tell.

    A read lease is what the kernel gives only if it is not. Who opens it while it is held would end us by SIGIO: a signal that is ignored is asked for.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return True
    return False


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
