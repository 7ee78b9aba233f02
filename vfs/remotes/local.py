"""A directory on this machine as a remote.

Rules:
  * `put` is atomic and durable: a temporary name in the same directory, fsync, rename (or link for
    `if_absent`), fsync of the directory;
  * keys never lead out of the root: every directory on the way is opened without following
    symlinks, as is the file itself. The root may be a symlink: the user named it;
  * without its root the remote is unavailable (a share that is not mounted), not empty;
  * nothing on the mount that this process serves is read (`vfs.own_mount`);
  * files are opened, so an object that is replaced while it is read keeps its bytes.
Invariants: only regular files are objects; names that begin with our temporary prefix are none.
The ETag is inode, size and mtime.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from vfs.errors import (
    AccessDenied,
    ConfigError,
    ObjectChanged,
    ObjectMissing,
    RemoteError,
    RemoteUnavailable,
    UnsafePath,
)
from vfs.own_mount import open_other
from vfs.remotes.base import Answer, Ask, Body, ClosingBody, ObjectInfo, Writable, once
from vfs.remotes.bulk import answer_of
from vfs.remotes.keys import check_key, key_problem

TEMPORARY = ".vfs-put-"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_COPY = 1 << 20
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR, errno.ENXIO)

_NO_ROOT = "is what holds it mounted? if nothing was pushed yet: `vfs push` makes it"
ROOM = "free disk space there: `vfs gc --remote NAME`"
REFUSED = "check its owner and mode, and how the disk is mounted"


class LocalRemote:
    """A directory; created by the first `put` if it is missing.

    Args:
        root: absolute path.
        name: for messages.
    """

    def __init__(self, root: str, *, name: str = "") -> None:
        if not os.path.isabs(root) or "\0" in root:
            raise ConfigError(f"remote {name}: {root!a} is no absolute path")
        self._root = root
        self.url = root
        self._label = f"remote {name} ({root})" if name else root

    def get(
        self,
        key: str,
        start: int = 0,
        length: int | None = None,
        *,
        version: str = "",
        etag: str = "",
    ) -> Body:
        """As `Remote.get`."""
        if start < 0 or (length is not None and length < 0):
            raise ValueError("a range has no negative numbers")
        descriptor, found = self._open(key, version)
        size, actual = found.st_size, _etag(found)
        if etag and etag != actual:
            os.close(descriptor)
            raise ObjectChanged(f"{self._label}: {key}: it was replaced")
        end = size if length is None else min(size, start + length)
        return _FileBody(descriptor, size, actual, start, end, f"{self._label}: {key}")

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """As `Remote.head`."""
        descriptor, found = self._open(key, version)
        os.close(descriptor)
        return _info(key, found)

    def heads(self, keys: Sequence[str]) -> Iterator[tuple[str, Answer]]:
        """As `Remote.heads`; in order, because `stat` needs no threads."""
        for key in keys:
            yield key, answer_of(self.head, key)

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """As `Remote.list`; in order of the keys' bytes."""
        directory, _, start = prefix.rpartition("/")
        if directory and key_problem(directory):
            return
        try:
            top = ask(lambda: self._directory(directory.split("/") if directory else []))
        except ObjectMissing:
            return
        below = f"{directory}/" if directory else ""
        yield from self._walk(top, below, start, os.fsencode(after) if after else b"")

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`."""
        *directories, name = check_key(key).split("/")
        if name.startswith(TEMPORARY):
            raise UnsafePath(f"{key!a}: names that begin with {TEMPORARY} are our own")
        with self._translated(key):
            os.makedirs(self._root, exist_ok=True)
        try:
            directory = self._directory(directories, create=True, key=key)
        except ObjectMissing:
            raise RemoteError(f"{self._label}: {key}: a file or symlink is in the way") from None
        try:
            with self._translated(key):
                if if_absent and _exists(directory, name):
                    return False
                return _store(directory, name, body, if_absent=if_absent)
        finally:
            os.close(directory)

    def delete(self, keys: Iterable[str]) -> None:
        """As `Remote.delete`; directories stay."""
        for key in keys:
            *directories, name = check_key(key).split("/")
            with contextlib.suppress(ObjectMissing):
                directory = self._directory(directories, key=key)
                try:
                    with self._translated(key):
                        os.unlink(name, dir_fd=directory)
                finally:
                    os.close(directory)

    def prepare(self) -> None:
        """Nothing to get ready."""

    def close(self) -> None:
        """Nothing is kept open."""

    def open_file(self, key: str) -> int:
        """A descriptor of the object's file, for callers that can use one; they close it.

        Raises:
            ObjectMissing: no such object.
            AccessDenied: it may not be read.
        """
        return self._open(key, "")[0]

    def _open(self, key: str, version: str) -> tuple[int, os.stat_result]:
        *directories, name = check_key(key).split("/")
        if version or name.startswith(TEMPORARY):
            raise ObjectMissing(f"{self._label}: {key}: a directory keeps no versions")
        directory = self._directory(directories, key=key)
        try:
            with self._translated(key):
                descriptor = open_other(name, _FILE, dir_fd=directory)
        finally:
            os.close(directory)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise ObjectMissing(f"{self._label}: {key}: it is no regular file")
        return descriptor, found

    def _directory(self, components: Sequence[str], *, create: bool = False, key: str = "") -> int:
        """A descriptor of a directory below the root."""
        with self._translated(key):
            descriptor = open_other(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for component in components:
                try:
                    below = _open_directory(descriptor, component, create)
                finally:
                    os.close(descriptor)
                descriptor = below
        return descriptor

    def _walk(self, directory: int, below: str, start: str, after: bytes) -> Iterator[ObjectInfo]:
        """Objects in and below an open directory, which is closed."""
        try:
            with self._translated(below):
                entries = _sorted_entries(directory, start)
            for sort_key, name, is_directory in entries:
                key = below + name
                full = os.fsencode(below) + sort_key
                if is_directory:
                    if full < after[: len(full)]:
                        continue
                    with contextlib.suppress(ObjectMissing):
                        yield from self._walk(
                            self._below(directory, name, key), key + "/", "", after
                        )
                elif full > after and not key_problem(key):
                    with contextlib.suppress(ObjectMissing):
                        found = self._status(directory, name, key)
                        if stat.S_ISREG(found.st_mode):
                            yield _info(key, found)
        finally:
            os.close(directory)

    def _below(self, directory: int, name: str, key: str) -> int:
        with self._translated(key):
            return open_other(name, _DIRECTORY, dir_fd=directory)

    def _status(self, directory: int, name: str, key: str) -> os.stat_result:
        with self._translated(key):
            return os.stat(name, dir_fd=directory, follow_symlinks=False)

    @contextlib.contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        """`OSError` as an error of ours."""
        try:
            yield
        except OSError as error:
            where = f"{self._label}: {key}" if key else self._label
            if error.errno in _MISSING:
                if not os.path.isdir(self._root):
                    raise RemoteUnavailable(
                        f"{where}: there is no directory {self._root}", hint=_NO_ROOT
                    ) from error
                raise ObjectMissing(f"{where}: there is no such file") from error
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise AccessDenied(f"{where}: {error.strerror}", hint=REFUSED) from error
            if error.errno in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN):
                raise RemoteUnavailable(f"{where}: {error.strerror}") from error
            hint = ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
            raise RemoteError(f"{where}: {error.strerror}", hint=hint) from error


class _FileBody(ClosingBody):
    """A range of an open file."""

    def __init__(
        self, descriptor: int, size: int, etag: str, start: int, end: int, where: str
    ) -> None:
        self.size = size
        self.etag = etag
        self._file = open(descriptor, "rb", buffering=0)  # noqa: SIM115 - closed by `close`
        self._position = start
        self._end = end
        self._where = where

    def readinto(self, buffer: Writable, /) -> int:
        """As `Body.readinto`."""
        view = memoryview(buffer)[: max(self._end - self._position, 0)]
        if not view:
            return 0
        try:
            count = os.preadv(self._file.fileno(), [view], self._position)
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or "it was closed"
            raise RemoteUnavailable(f"{self._where}: {said}") from error
        if not count:
            raise RemoteUnavailable(f"{self._where}: the file became shorter while it was read")
        self._position += count
        return count

    def close(self) -> None:
        """As `Body.close`."""
        self._file.close()


def _open_directory(parent: int, name: str, create: bool) -> int:
    try:
        return open_other(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o777, dir_fd=parent)
        os.fsync(parent)
    return open_other(name, _DIRECTORY, dir_fd=parent)


def _sorted_entries(directory: int, start: str) -> list[tuple[bytes, str, bool]]:
    """Names that begin with `start`, in the order of the keys below them."""
    entries = []
    with os.scandir(directory) as found:
        for entry in found:
            if not entry.name.startswith(start) or entry.name.startswith(TEMPORARY):
                continue
            is_directory = entry.is_dir(follow_symlinks=False)
            if is_directory or entry.is_file(follow_symlinks=False):
                suffix = b"/" if is_directory else b""
                entries.append((os.fsencode(entry.name) + suffix, entry.name, is_directory))
    entries.sort()
    return entries


def _store(directory: int, name: str, body: bytes | BinaryIO, *, if_absent: bool) -> bool:
    temporary = TEMPORARY + secrets.token_hex(8)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    # 0666 & umask: a shared remote's files are for its group, as DVC leaves them.
    descriptor = os.open(temporary, flags, 0o666, dir_fd=directory)
    try:
        with open(descriptor, "wb", buffering=0) as file:
            with contextlib.suppress(
                OSError
            ):  # it says that the writer lives (`vfs.objects.leftovers`)
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(file.fileno(), body)
            os.fsync(file.fileno())
        if if_absent:
            try:
                os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            except FileExistsError:
                return False
        else:
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
        return True
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)


def _write(descriptor: int, body: bytes | BinaryIO) -> None:
    pieces = [body] if isinstance(body, bytes) else iter(lambda: body.read(_COPY), b"")
    for piece in pieces:
        view = memoryview(piece)
        while view:
            view = view[os.write(descriptor, view) :]


def _exists(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _info(key: str, found: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, found.st_size, _etag(found), modified=put_at(found))


def put_at(found: os.stat_result) -> float:
    """When a file got its name (s): a rename or link does not change its mtime."""
    return max(found.st_mtime, found.st_ctime)


def _etag(found: os.stat_result) -> str:
    return f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"
