"""A remote in DVC's layout: one object for each content, named by its digest.

Rules:

* What is there is found out with as few requests as it takes: HEAD for few, LIST for many, and never a LIST of a remote
  that is large against what is asked for (an estimate from a 4096th of it, `vfs.workspace.sizes` does alike).
* What is sent is hashed as it is read: an object that is not what its name says is never finished.
* A directory of this machine is written as a DVC cache is: one `sync` before a listing, not one for each object.
"""

import errno
import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from itertools import islice
from typing import BinaryIO, Final, cast

from vfs.errors import (
    AccessDenied,
    ContentMismatch,
    DataUnavailable,
    RemoteError,
    StoreError,
    Unsupported,
)
from vfs.formats.hashing import hasher_for
from vfs.formats.layout import object_path, parse_object_path
from vfs.objects import ObjectCache
from vfs.objects.leftovers import DAY
from vfs.remotes import Body, Remote
from vfs.remotes.base import ObjectInfo, told
from vfs.remotes.local import REFUSED, ROOM, put_at
from vfs.remotes.times import clock_of
from vfs.types import Algorithm, Digest
from vfs.workspace import condemned
from vfs.workspace.condemned import Condemned, Doomed, Object, Stored, same
from vfs.workspace.stores import RemoteRef

FEW: Final = 64
"""So many HEADs are cheaper than an estimate."""
_PAGE: Final = 1000  # keys of one LIST answer
_PAGE_COST: Final = 4  # HEADs that take as long as one page
_WHOLE: Final = 1 << 20  # bytes of an object that is sent from memory
_LISTS: Final = 8
Found = tuple[Object, ObjectInfo]
"""An object that is there, and what the remote says of it (of a directory of this machine its size and time only)."""
_REFUSED: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


class PlainRemote:
    """Blocking and thread-safe.

    Attributes:
        url: of the remote.
        service: what it is, for what is remembered of it.
        jobs: threads that are worth having.
        directory: of this machine that it is; None for any other remote.
    """

    def __init__(self, remote: Remote, ref: RemoteRef, jobs: int) -> None:
        """Raises Unsupported: files lie under their paths there."""
        if ref.versioned and not ref.worktree:
            raise Unsupported(
                f"remote {ref.name} keeps versions of files under their paths, which vfs only reads",
                hint="push to another remote, or with `dvc push`",
            )
        self.url = remote.url
        self.service = ref.service
        self._remote = remote
        self._ref = ref
        self.jobs = min(jobs, 2) if ref.local else jobs
        self._large = False
        self.directory = ObjectCache(os.path.join(ref.directory, ref.prefix)) if ref.local else None

    def key(self, digest: Digest, *, is_tree: bool = False) -> str:
        """Where an object lies."""
        return self._ref.prefix + object_path(digest, is_tree=is_tree)

    # Reading --------------------------------------------------------------------------------------

    def open(self, digest: Digest, *, is_tree: bool = False) -> Body:
        """The bytes of an object; raises as `Remote.get`."""
        return self._remote.get(self.key(digest, is_tree=is_tree))

    def shows(self, objects: Sequence[Object]) -> bool:
        """Whether any of some objects is there, about to be removed or not. Raises RemoteError."""
        return any(self._present(objects))

    def receive(self, cache: ObjectCache, digest: Digest, *, is_tree: bool = False) -> int:
        """Put an object into a cache; returns its size.

        Raises:
            ContentMismatch: it is not what its name says; nothing was put.
            RemoteError: as `Remote.get`.
            StoreFull, StoreError: the cache cannot be written.
        """
        if self.directory is not None:
            with suppress(DataUnavailable):
                descriptor = self.directory.open(digest, is_tree=is_tree)
                try:
                    return cache.receive(
                        digest, lambda view: os.readv(descriptor, [view]), is_tree=is_tree
                    )
                finally:
                    os.close(descriptor)
        with self.open(
            digest, is_tree=is_tree
        ) as body:  # which says what is wrong with a directory, too
            return cache.receive(digest, body.readinto, is_tree=is_tree)

    def objects(self) -> Iterator[Stored]:
        """Everything that is there, in both of DVC's forms; in any order."""
        for info in self._listed(["files/md5/", ""]):
            found = parse_object_path(info.key)
            if found is not None and found[0].algorithm is not Algorithm.SHA256:
                yield Stored(*found, info.size, info.modified)

    def remove(self, stored: Sequence[Stored]) -> set[Stored]:
        """Remove objects; those that stay, since they were put again after they were looked at, which is asked right before. Raises RemoteError: some could not be removed."""
        now = {one: info.modified for one, info in self._heads([one[:2] for one in stored])}
        here = [one for one in stored if one[:2] in now]
        again = {one for one in here if not same(now[one[:2]], one.modified)}
        self._remote.delete(
            [self.key(one.digest, is_tree=one.is_tree) for one in here if one not in again]
        )
        return again

    def clock(self) -> float:
        """What time it is there (seconds since the epoch). Raises as `clock_of`."""
        return clock_of(self._remote, self._ref.prefix + condemned.CLOCK)

    def condemned(self, before: float) -> Condemned:
        """What collections are about to remove; what was condemned before a time (seconds since the epoch) is due. Raises as `Condemned.read`."""
        return Condemned.read(self._remote, self._ref.prefix, before)

    def condemn(self, objects: Sequence[Stored], now: float) -> None:
        """Let everybody know what is about to be removed. Raises RemoteError."""
        condemned.add(self._remote, self._ref.prefix, objects, now)

    def acquit(self, ended: Iterable[str]) -> None:
        """Remove what condemned objects. Raises RemoteError."""
        self._remote.delete(ended)

    def present(self, objects: Sequence[Object]) -> Iterator[Found]:
        """Those of some objects that are there to stay; in any order. What is condemned is not there to stay.

        Raises:
            FormatError: what is condemned cannot be read.
            RemoteError: as `Remote.heads` and `Remote.list`.
        """
        return self._staying(self._present, objects)

    def heads(self, objects: Sequence[Object]) -> list[Found]:
        """`present`, by asking for each (a LIST may still show what is gone), with all that the remote says of it."""
        return list(self._staying(self._heads, objects))

    def _staying(
        self, look: Callable[[Sequence[Object]], Iterator[Found]], objects: Sequence[Object]
    ) -> Iterator[Found]:
        """What a look finds and is not condemned, which has to be known before it: a sweep may end in between."""
        doomed = self._doomed
        return (found for found in look(objects) if doomed.stays(found[0], found[1].modified))

    @cached_property
    def _doomed(self) -> Doomed:
        return Doomed(self._remote, self._ref.prefix)

    def _present(self, objects: Sequence[Object]) -> Iterator[Found]:
        if self.directory is not None:
            yield from self._here(self.directory, objects)
            return
        if len(objects) <= FEW or not self._listing_pays(objects):
            yield from self._heads(objects)
            return
        wanted = set(objects)
        for info in self._listed(_prefixes(objects)):
            found = parse_object_path(info.key)
            if found in wanted:
                yield found, info

    def _heads(self, objects: Iterable[Object]) -> Iterator[Found]:
        keys = {self.key(digest, is_tree=is_tree): (digest, is_tree) for digest, is_tree in objects}
        for key, answer in self._remote.heads(list(keys)):
            info = told(answer)
            if info is not None:
                yield keys[key], info

    def _here(self, directory: ObjectCache, objects: Sequence[Object]) -> Iterator[Found]:
        if not os.path.isdir(directory.directory):
            self._remote.head(self.key(objects[0][0]))  # raises what that means
        for one in objects:
            with suppress(OSError):
                found = os.lstat(directory.path(one[0], is_tree=one[1]))
                if stat.S_ISREG(found.st_mode):
                    yield one, ObjectInfo("", found.st_size, modified=put_at(found))

    def _listing_pays(self, objects: Sequence[Object]) -> bool:
        most = len(objects) // _PAGE_COST * _PAGE  # objects of a remote that may be listed
        estimate = 0
        try:
            for head in _prefixes(objects):
                sample = self._remote.list(f"{self._ref.prefix}{head}00/0")
                estimate += 4096 * sum(1 for _ in islice(sample, most // 4096 + 1))
        except (Unsupported, AccessDenied):  # HEADs may do
            return False
        self._large = estimate > 64 * _PAGE
        return estimate <= most

    def _listed(self, heads: Iterable[str]) -> Iterator[ObjectInfo]:
        """Everything below some heads, with keys as in DVC's layout; of a large remote by prefix, several at once."""
        prefixes = [
            f"{head}{number:02x}/" if self._large or not head else head
            for head in heads
            for number in (range(256) if self._large or not head else (0,))
        ]

        def listed(prefix: str) -> list[ObjectInfo]:
            cut = len(self._ref.prefix)
            found = self._remote.list(self._ref.prefix + prefix)
            return [info._replace(key=info.key[cut:], etag="") for info in found]

        with ThreadPoolExecutor(min(_LISTS, self.jobs), "vfs-list") as pool:
            for part in pool.map(listed, prefixes):
                yield from part

    # Writing --------------------------------------------------------------------------------------

    def send(self, cache: ObjectCache, digest: Digest, *, is_tree: bool = False) -> int:
        """Put an object of a cache; returns its size.

        Raises:
            DataUnavailable: the cache has none.
            ContentMismatch: what the cache has is not what the digest names; nothing was put.
            RemoteError: as `Remote.put`.
        """
        path = cache.path(digest, is_tree=is_tree)
        with open(cache.open(digest, is_tree=is_tree), "rb", buffering=0) as file:
            wrong = damaged(path, digest, cache.mends)
            if self.directory is not None:
                return self._copy(self.directory, digest, is_tree, file, wrong)
            size = os.fstat(file.fileno()).st_size
            body = cast("BinaryIO", _Checked(file, digest, size, wrong))
            key = self.key(digest, is_tree=is_tree)
            self._remote.put(key, body.read(size + 1) if size <= _WHOLE else body)
        return size

    def prepare(self) -> None:
        """Get ready to be written to: a directory is made, and rid of large files that killed pushes left. Raises RemoteError."""
        if self.directory is not None:
            try:
                os.makedirs(self.directory.directory, exist_ok=True)
            except OSError as error:
                raise self._failed(error) from error
            self.directory.sweep(older=DAY)

    def sync(self) -> None:
        """What was sent is there to stay. Raises RemoteError."""
        if self.directory is not None:
            try:
                self.directory.sync()
            except StoreError as error:
                raise self._failed(error.__cause__ or error) from error

    def _copy(
        self,
        target: ObjectCache,
        digest: Digest,
        is_tree: bool,
        file: io.FileIO,
        wrong: ContentMismatch,
    ) -> int:
        try:
            return target.receive(digest, lambda view: file.readinto(view) or 0, is_tree=is_tree)
        except ContentMismatch:
            raise wrong from None
        except StoreError as error:
            raise self._failed(error.__cause__ or error) from error

    def _failed(self, cause: BaseException) -> RemoteError:
        refused = isinstance(cause, OSError) and cause.errno in _REFUSED
        kind = AccessDenied if refused else RemoteError
        reason = cause.strerror if isinstance(cause, OSError) else cause
        full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = REFUSED if refused else ROOM if full else None
        return kind(f"remote {self._ref.name} ({self.url}): {reason}", hint=hint)


class _Checked(io.RawIOBase):
    """A file that is hashed as it is read: its last piece is given only if the whole is what a digest names."""

    def __init__(self, file: io.FileIO, digest: Digest, size: int, wrong: ContentMismatch) -> None:
        self._file = file
        self._digest = digest
        self._size = size
        self._wrong = wrong
        self._hasher = hasher_for(digest, size)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """To its start, and to its end to see how long it is."""
        return True

    def tell(self) -> int:
        """Position."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Back to the start, or to the end."""
        if offset or whence == io.SEEK_CUR:
            raise io.UnsupportedOperation("only to the start or end")
        self._hasher = hasher_for(self._digest, self._size)
        return self._file.seek(0, whence)

    def read(self, size: int = -1) -> bytes:
        """The next piece."""
        data = self._file.read(size) or b""
        self._hasher.update(data)
        whole = not data or self._file.tell() >= self._size
        if whole and not self._hasher.matches(self._digest.value):
            raise self._wrong
        return data


def damaged(path: str, digest: Digest, hint: str) -> ContentMismatch:
    """An object of a cache is not what its name says; `hint` is what helps."""
    return ContentMismatch(
        f"{path} is damaged: its content has another {digest.algorithm.name}",
        hint=hint,
    )


def _prefixes(objects: Iterable[Object]) -> list[str]:
    """What the keys of objects begin with."""
    kinds = dict.fromkeys(digest.algorithm is Algorithm.MD5 for digest, _ in objects)
    return ["files/md5/" if modern else "" for modern in kinds]
