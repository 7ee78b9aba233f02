"""Directories of a host, over SFTP.

Rules:
  * `put` writes under a temporary name in the same directory, has it synced where the server can, and renames it:
    over what is there, or, for `if_absent`, with SFTP's own rename, which fails if something is;
  * the validator is size and mtime, the latter in whole seconds: SFTP 3 knows no better.
"""

import asyncio
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from vfs.errors import (
    ObjectChanged,
    ObjectMissing,
    RemoteError,
    RemoteUnavailable,
    Unsupported,
    VfsError,
)
from vfs.remotes.bandwidth import LIMIT, sent
from vfs.remotes.base import Answer, Ask, Body, ClosingBody, ObjectInfo, RemoteSpec, Writable, once
from vfs.remotes.bulk import heads_in_threads
from vfs.remotes.cancel import is_fresh
from vfs.remotes.keys import check_key, join
from vfs.remotes.ssh.link import Future, Link
from vfs.remotes.ssh.options import parse_options
from vfs.remotes.walk import TEMPORARY, Named, walk

if TYPE_CHECKING:
    from asyncssh import SFTPAttrs, SFTPClient, SFTPClientFile

_FIRST = 256 << 10  # bytes that are asked for together with the size
_STEP = 4 << 20  # bytes of one read or write; asyncssh sends their requests at once


class SshRemote:
    """A directory on a host.

    Args:
        spec: `ssh://[user@]host[:port]/path`, options in DVC's spelling.
        jobs: parallel requests of bulk calls.
        timeout: seconds a request may take without progress.

    Raises:
        ConfigError: options that make no sense.
    """

    def __init__(self, spec: RemoteSpec, *, jobs: int = 16, timeout: float = 60.0) -> None:
        options = parse_options(spec)
        self._root = options.root
        self._jobs = jobs
        self.url = f"ssh://{options.host}{options.root}"
        label = f"remote {spec.name} ({self.url})" if spec.name else self.url
        self._link = Link(options, label, timeout)
        self._other = Link(
            options, label, timeout
        )  # for requests that want a connection of their own

    def prepare(self) -> None:
        """Load asyncssh."""
        with suppress(Unsupported):
            self._link.load()

    def close(self) -> None:
        """As `Remote.close`."""
        self._link.close()
        self._other.close()

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
        path, where = self._path(key, version), self._where(key)
        first = min(_FIRST, _FIRST if length is None else length)
        link = self._readers()
        file, found, data = link.run(lambda sftp: _open(sftp, path, start, first), where)
        size, actual = found.size or 0, _etag(found)
        end = size if length is None else min(size, start + length)
        body = _SshBody(link, file, size, actual, start, end, data, where)
        if etag and etag != actual:
            body.close()
            raise ObjectChanged(f"{where}: it was replaced")
        return body

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """As `Remote.head`."""
        path = self._path(key, version)
        found = self._readers().run(lambda sftp: sftp.stat(path), self._where(key))
        if not _is_file(found):
            raise ObjectMissing(f"{self._where(key)}: it is no regular file")
        return ObjectInfo(key, found.size or 0, _etag(found), modified=float(found.mtime or 0))

    def heads(self, keys: Sequence[str]) -> Iterator[tuple[str, Answer]]:
        """As `Remote.heads`."""
        return heads_in_threads(self.head, keys, self._jobs)

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """As `Remote.list`."""
        return walk(
            lambda directory: ask(partial(self._read, directory)), prefix, after, self._jobs
        )

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`."""
        path, where = self._path(key, ""), self._where(key)
        if if_absent and self._exists(path, where):
            return False
        directory = path.rpartition("/")[0]
        temporary = f"{directory}/{TEMPORARY}{secrets.token_hex(8)}"
        file = self._create(temporary, directory, where)
        try:
            self._write(file, body, where)
            return self._publish(temporary, path, where, if_absent=if_absent)
        except BaseException:
            self._link.later(file.close())
            with suppress(VfsError):
                self._link.run(lambda sftp: sftp.remove(temporary), where)
            raise

    def delete(self, keys: Iterable[str]) -> None:
        """As `Remote.delete`; directories stay."""
        for key in keys:
            path = self._path(key, "")
            with suppress(ObjectMissing):
                self._link.run(lambda sftp, path=path: sftp.remove(path), self._where(key))  # type: ignore[misc]

    def _readers(self) -> Link:
        """What a read of this context goes over."""
        return self._other if is_fresh() else self._link

    def _where(self, key: str) -> str:
        return f"{self._link.label}: {key}"

    def _path(self, key: str, version: str) -> str:
        path = join(self._root.rstrip("/"), check_key(key))
        if version or key.rpartition("/")[2].startswith(TEMPORARY):
            raise ObjectMissing(f"{self._where(key)}: a directory keeps no versions")
        return path

    def _exists(self, path: str, where: str) -> bool:
        try:
            self._link.run(lambda sftp: sftp.lstat(path), where)
        except ObjectMissing:
            return False
        return True

    def _create(self, temporary: str, directory: str, where: str) -> "SFTPClientFile":
        async def create(sftp: "SFTPClient") -> "SFTPClientFile":
            return await sftp.open(temporary, "xb")

        try:
            return self._link.run(create, where)
        except ObjectMissing:
            self._link.run(lambda sftp: sftp.makedirs(directory, exist_ok=True), where)
            return self._link.run(create, where)

    def _write(self, file: "SFTPClientFile", body: bytes | BinaryIO, where: str) -> None:
        offset, step = 0, _STEP if LIMIT.get() is None else _FIRST
        pieces = [body] if isinstance(body, bytes) else iter(lambda: body.read(_STEP), b"")
        for piece in pieces:
            for start in range(0, len(piece), step):
                part = piece[start : start + step]
                sent(len(part))
                self._link.run(lambda _, part=part, at=offset: file.write(part, at), where)  # type: ignore[misc]
                offset += len(part)
        self._link.run(lambda _: _finish(file), where)

    def _publish(self, temporary: str, path: str, where: str, *, if_absent: bool) -> bool:
        if not if_absent:
            self._link.run(lambda sftp: sftp.posix_rename(temporary, path), where)
            return True
        try:
            self._link.run(lambda sftp: sftp.rename(temporary, path), where)
        except RemoteUnavailable:
            raise
        except RemoteError:
            if not self._exists(path, where):
                raise
            self._link.run(lambda sftp: sftp.remove(temporary), where)
            return False
        return True

    def _read(self, directory: str) -> Sequence[Named]:
        path = join(self._root.rstrip("/"), directory).rstrip("/") or "/"
        entries = self._readers().run(lambda sftp: sftp.readdir(path), self._where(directory))
        found = []
        for entry in entries:
            name, attributes = str(entry.filename), entry.attrs
            if name in (".", ".."):
                continue
            if stat.S_ISDIR(attributes.permissions or 0):
                found.append(Named(name, is_directory=True))
            elif _is_file(attributes):
                put = float(attributes.mtime or 0)
                found.append(Named(name, False, attributes.size or 0, _etag(attributes), put))
        return found


async def _finish(file: "SFTPClientFile") -> None:
    """Sync, where the server knows that, and close: sent together, done in order."""
    synced, closed = await asyncio.gather(file.fsync(), file.close(), return_exceptions=True)
    unsupported = type(synced).__name__ == "SFTPOpUnsupported"
    for failure in (None if unsupported else synced, closed):
        if failure is not None:
            raise failure


async def _open(
    sftp: "SFTPClient", path: str, start: int, first: int
) -> "tuple[SFTPClientFile, SFTPAttrs, bytes]":
    """A file, what it is, and its first bytes."""
    file = await sftp.open(path, "rb")
    try:
        # Both at once; a directory can be opened, and fails to be read.
        found, data = await asyncio.gather(
            file.stat(), file.read(first, start), return_exceptions=True
        )
        if isinstance(found, BaseException):
            raise found
        if not _is_file(found):
            raise ObjectMissing(f"{path}: it is no regular file")
        if isinstance(data, BaseException):
            raise data
        assert isinstance(data, bytes)
    except BaseException:
        await file.close()
        raise
    return file, found, data


class _SshBody(ClosingBody):
    """A range of an open file; `data` are its first bytes."""

    def __init__(
        self,
        link: Link,
        file: "SFTPClientFile",
        size: int,
        etag: str,
        start: int,
        end: int,
        data: bytes,
        where: str,
    ) -> None:
        self.size = size
        self.etag = etag
        self._link = link
        self._file: SFTPClientFile | None = file
        self._position = start
        self._end = end
        self._data = data[: max(end - start, 0)]
        self._where = where
        self._reading: Future[bytes] | None = None

    def readinto(self, buffer: Writable, /) -> int:
        """As `Body.readinto`."""
        wanted = min(len(buffer), self._end - self._position, _STEP)
        if wanted <= 0:
            return 0
        file = self._file
        if file is None:
            raise RemoteUnavailable(f"{self._where}: it was closed")
        if not self._data:
            position = self._position

            async def read(_: "SFTPClient") -> bytes:
                data = await file.read(wanted, position)
                assert isinstance(data, bytes)
                return data

            try:
                self._data = self._link.run(read, self._where, self._begun)
            finally:
                self._reading = None
        if not self._data:
            self.close()
            raise RemoteUnavailable(f"{self._where}: the file became shorter while it was read")
        count = min(wanted, len(self._data))
        memoryview(buffer)[:count] = self._data[:count]
        self._data = self._data[count:]
        self._position += count
        if self._position == self._end:
            self._release()
        return count

    def close(self) -> None:
        """As `Body.close`."""
        self._end = max(self._end, self._position)
        reading = self._reading
        self._release()
        if reading is not None:
            reading.cancel()

    def _begun(self, reading: "Future[bytes]") -> None:
        self._reading = reading
        if self._file is None:
            reading.cancel()

    def _release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            self._link.later(file.close())


def _is_file(attributes: "SFTPAttrs") -> bool:
    return stat.S_ISREG(attributes.permissions or 0)


def _etag(attributes: "SFTPAttrs") -> str:
    return f"{attributes.size or 0:x}-{int(attributes.mtime or 0):x}"
