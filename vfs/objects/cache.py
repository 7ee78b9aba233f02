"""`ObjectCache`: one DVC cache directory, read and written.

Layout: `vfs.formats.layout`. Rules:

- An object has mode 0444 if and only if its bytes were hashed by who put it there: DVC trusts that mode. What comes in is hashed as
  it is written, never afterwards by name.
- An object that is empty though its digest is not that of nothing, or whose size is not the one that is known, is not trusted
  whatever its mode: the end of a machine may cut what nobody brought to the disk.
- It appears under its name whole (temporary file, rename). Nothing is fsynced one by one: call `sync` before a name of it is written.
- Safe for any number of threads and processes: two that put the same object replace equal bytes.
"""

import errno
import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Final, NamedTuple, cast

from vfs.core.interrupting import check
from vfs.errors import ContentMismatch, DataUnavailable, StoreError
from vfs.formats.hashing import Hasher, hasher_for, new_hasher
from vfs.formats.layout import object_path, parse_object_path
from vfs.objects.assembly import Assembly
from vfs.objects.copying import LARGE, STEP, Fill, copy, read_into
from vfs.objects.filesystem import FICLONE
from vfs.objects.incoming import Incoming, entries, names_in, trust
from vfs.objects.leftovers import YOUNG, leftovers, places, removed
from vfs.objects.source import (
    Fingerprint,
    open_source,
    read_as_seen,
    read_stable,
    seen_as,
)
from vfs.types import Algorithm, Digest

PIECE: Final = 1 << 20
SMALL: Final = 1 << 14  # below, sharing blocks with the source costs more than it saves
_UNKNOWN: Final = (errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class Ingested(NamedTuple):
    """A file whose content is in the cache now.

    Attributes:
        digest: of its bytes.
        size: bytes.
        fingerprint: of the file; it had it before and after it was read.
        stored: whether bytes had to be written.
    """

    digest: Digest
    size: int
    fingerprint: Fingerprint
    stored: bool


class ObjectCache:
    """One cache directory; blocking, for worker threads.

    Attributes:
        mends: what helps if an object of it is damaged.
    """

    mends = "`vfs fsck --content --repair` brings the right one, if a remote has it"

    def __init__(self, directory: str, *, shared: bool = False) -> None:
        """Touches nothing; directories are made when something is put, for a group with `shared`."""
        self.directory = directory
        self._incoming = Incoming(directory, shared=shared)
        self._shared = shared
        self._base = os.path.join(directory, "files/md5")  # of temporary files
        self._apart: str | None = None  # where small ones are made instead
        self._clones = True  # as far as is known
        self._buffers = threading.local()

    def __reduce__(self) -> tuple[Callable[..., "ObjectCache"], tuple[str, bool]]:
        """In another process it is the one cache of that place there."""
        return _opened, (self.directory, self._shared)

    # Reading --------------------------------------------------------------------------------------

    def path(self, digest: Digest, *, is_tree: bool = False) -> str:
        """Where an object lies, or would."""
        return f"{self.directory}/{object_path(digest, is_tree=is_tree)}"

    def size(self, digest: Digest, *, is_tree: bool = False) -> int | None:
        """Bytes of an object; None if there is none."""
        with suppress(OSError):
            found = os.lstat(self.path(digest, is_tree=is_tree))
            return found.st_size if stat.S_ISREG(found.st_mode) else None
        return None

    def trusted(self, digest: Digest, *, is_tree: bool = False, size: int | None = None) -> bool:
        """Whether it is there, whoever put it there says that it was verified (mode 0444), and its size may be (`size`: is)."""
        return bool(self.trust(digest, is_tree=is_tree, size=size))

    def trust(
        self, digest: Digest, *, is_tree: bool = False, size: int | None = None
    ) -> bool | None:
        """As `trusted`; None if there is none."""
        return trust(self.path(digest, is_tree=is_tree), digest, size)

    def open(self, digest: Digest, *, is_tree: bool = False) -> int:
        """A descriptor of an object.

        Raises:
            DataUnavailable: it is not there, or no file.
        """
        path = self.path(digest, is_tree=is_tree)
        try:
            return open_source(path)[0]
        except DataUnavailable as error:
            raise DataUnavailable(
                f"the cache has no object: {error.message}", hint="vfs fetch"
            ) from error

    def read(self, digest: Digest, *, is_tree: bool = False, limit: int) -> bytes:
        """The bytes of a small object, verified.

        Raises:
            DataUnavailable: it is not there, or larger than `limit` bytes.
            ContentMismatch: it holds something else.
        """
        with open(self.open(digest, is_tree=is_tree), "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise DataUnavailable(f"{self.path(digest, is_tree=is_tree)} has {size} bytes")
            data = file.readall()
        hasher = hasher_for(digest, len(data))
        hasher.update(data)
        if not hasher.matches(digest.value):
            raise ContentMismatch(
                f"{self.path(digest, is_tree=is_tree)} is damaged: its content has another {digest.algorithm.name}",
                hint=self.mends,
            )
        return data

    def verify(self, digest: Digest, *, is_tree: bool = False) -> bool:
        """Whether an object that is there holds what its name says; reads all of it.

        Raises:
            DataUnavailable: it is not there.
        """
        descriptor = self.open(digest, is_tree=is_tree)
        try:
            hasher = hasher_for(digest, os.fstat(descriptor).st_size)
            self._hash(descriptor, hasher)
        finally:
            os.close(descriptor)
        return hasher.matches(digest.value)

    def objects(self) -> Iterator[tuple[Digest, bool, os.stat_result]]:
        """(digest, whether it is a listing, state) of every object, in both layouts; in no order."""
        for prefix in ("files/md5", ""):
            base = os.path.join(self.directory, prefix)
            for name in sorted(names_in(base)):
                if len(name) != 2:
                    continue
                for entry in entries(os.path.join(base, name)):
                    parsed = parse_object_path(f"{prefix}/{name}/{entry.name}".lstrip("/"))
                    if parsed is not None and entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):
                            yield *parsed, entry.stat(follow_symlinks=False)

    # Writing --------------------------------------------------------------------------------------

    def ingest(
        self,
        path: str | bytes,
        algorithm: Algorithm = Algorithm.MD5,
        *,
        follow: bool = False,
        seen: Fingerprint | None = None,
    ) -> Ingested:
        """Put the content of a file; reads it once, copies nothing where the file system clones.

        Args:
            path: of the file.
            algorithm: MD5, or MD5_DOS2UNIX for an out that keeps its old form.
            follow: it may be reached through a symlink.
            seen: what it was like before, if somebody has looked.

        Raises:
            DataUnavailable: it cannot be read, or changed twice while it was.
            StoreFull, StoreError: the cache cannot be written.
        """

        def take(descriptor: int, size: int) -> tuple[Digest, bool] | None:
            return self._put_file(descriptor, size, algorithm)

        found = seen or seen_as(path, follow=follow)
        if found is not None and found.size < (SMALL if self._clones else PIECE):
            small = self._put_small(path, found, algorithm, follow)
            if small is not None:
                return small
        (digest, stored), found = read_stable(path, take, follow=follow)
        return Ingested(digest, found.size, found, stored)

    def adopt(self, path: bytes, digest: Digest, mtime: int) -> bool:
        """Rename a file that was hashed when it had a time (ns) into its place; as `Incoming.adopt`. It has one name."""
        return self._incoming.adopt(path, self.path(digest), mtime)

    def receive(self, digest: Digest, fill: Fill, *, is_tree: bool = False) -> int:
        """Put an object whose digest is known, from wherever `fill` gets it; returns its size.

        Raises:
            ContentMismatch: the bytes are not those that the digest names; nothing was put.
            StoreFull, StoreError: the cache cannot be written.
            VfsError: as `fill`.
        """
        hasher = hasher_for(digest)
        path = self.path(digest, is_tree=is_tree)
        buffer = self._buffer()
        size = read_into(fill, buffer)
        hasher.update(buffer[:size])
        if size < PIECE and not hasher.matches(digest.value):  # that was all: nothing is written
            raise self._wrong(digest, is_tree)
        beside = self._apart or os.path.dirname(path)
        with self._incoming.temporary(beside if size < PIECE else self._base) as made:
            self._incoming.write(made.descriptor, buffer[:size])
            size += self._copy(fill, made.descriptor, hasher) if size == PIECE else 0
            if size >= PIECE and not hasher.matches(digest.value):
                raise self._wrong(digest, is_tree)
            self._incoming.publish(made, path)
        return size

    def take(self, fill: Fill) -> tuple[Digest, int]:
        """Put a DVC 3 object that nobody named yet, from wherever `fill` gets it; its digest and size.

        Raises:
            StoreFull, StoreError: the cache cannot be written.
            VfsError: as `fill`; nothing was put.
        """
        hasher = new_hasher(Algorithm.MD5)
        with self._incoming.temporary(self._base) as made:
            size = self._copy(fill, made.descriptor, hasher)
            digest = Digest(Algorithm.MD5, hasher.digest())
            if not self.trusted(digest, size=size):
                self._incoming.publish(made, self.path(digest))
        return digest, size

    def assemble(self, digest: Digest, size: int) -> Assembly:
        """Begin an object that comes in pieces. Raises StoreFull, StoreError."""
        path = self.path(digest)
        base = os.path.dirname(path) if size < PIECE else self._base
        return Assembly(self._incoming, path, digest, size, base)

    def put(self, data: bytes, *, is_tree: bool = False) -> Digest:
        """Put bytes as a DVC 3 object. Raises StoreFull, StoreError."""
        hasher = new_hasher(Algorithm.MD5)
        hasher.update(data)
        digest = Digest(Algorithm.MD5, hasher.digest())
        if not self.trusted(digest, is_tree=is_tree, size=len(data)):
            path = self.path(digest, is_tree=is_tree)
            with self._incoming.temporary(os.path.dirname(path)) as made:
                self._incoming.write(made.descriptor, memoryview(data))
                self._incoming.publish(made, path)
        return digest

    def remove(self, digest: Digest, *, is_tree: bool = False) -> int:
        """Remove an object; the bytes that frees, 0 if there was none. Raises StoreError."""
        path = self.path(digest, is_tree=is_tree)
        try:
            found = os.lstat(path)
            os.unlink(path)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error
        return found.st_blocks * 512 if found.st_nlink == 1 else 0

    def distrust(self, digest: Digest, *, is_tree: bool = False) -> None:
        """Take the mark of a verified object from one that is wrong; it may be gone already."""
        with suppress(OSError):
            os.chmod(self.path(digest, is_tree=is_tree), 0o644)

    def expect(self) -> None:
        """Other processes are about to put objects, which `sync` is to bring to the disk too. Raises StoreError."""
        self._incoming.expect(self._base)

    def begin_sync(self) -> None:
        """What is to be done before `sync` can be done meanwhile; raises nothing."""
        self._incoming.begin_sync()

    def sync(self) -> None:
        """Bring everything that was put to the disk. Raises StoreError."""
        self._incoming.sync()

    def sweep(self, *, everywhere: bool = False, older: float = YOUNG) -> int:
        """Remove temporary files of commands that were killed; returns how many.

        Args:
            everywhere: also those beside objects, of which each has less than `PIECE` bytes.
            older: nobody wrote to them for so long (s).
        """
        return sum(map(removed, leftovers(places(self.directory, everywhere=everywhere), older)))

    # Pieces ---------------------------------------------------------------------------------------

    def _put_file(self, source: int, size: int, algorithm: Algorithm) -> tuple[Digest, bool] | None:
        """Digest of an open file, whose object is there afterwards; None if its size changed."""
        hasher = new_hasher(algorithm)
        beside = self._apart if size < PIECE else None
        with self._incoming.temporary(beside or self._base) as made:
            if self._clone(source, made.descriptor):
                count = self._hash(made.descriptor, hasher)
            else:
                count = self._copy(
                    lambda buffer: os.readv(source, [buffer]), made.descriptor, hasher
                )
            if count != size:
                return None
            digest = Digest(algorithm, hasher.digest())
            if self.trusted(digest, size=size):
                return digest, False
            self._incoming.publish(made, self.path(digest), large=size >= LARGE)
        return digest, True

    def _put_small(
        self, path: str | bytes, seen: Fingerprint, algorithm: Algorithm, follow: bool
    ) -> Ingested | None:
        """A file that fits the buffer is hashed before anything is written: known contents cost no write.

        None if it is not any more what it was seen as, or cannot be read. As few calls as that takes: there may be millions.
        """
        size, buffer = seen.size, self._buffer()
        if not read_as_seen(path, seen, buffer, follow=follow):
            return None
        hasher, view = new_hasher(algorithm), buffer[:size]
        hasher.update(view)
        digest = Digest(algorithm, hasher.digest())
        place = self.path(digest)
        known = bool(trust(place, digest, size))
        if not known:
            # All in one directory: file systems put what was made there side by side, in the order of the working tree.
            with self._incoming.temporary(self._apart or self._base) as made:
                self._incoming.write(made.descriptor, view)
                self._incoming.publish(made, place)
        return Ingested(digest, size, seen, not known)

    def _clone(self, source: int, target: int) -> bool:
        """Let an empty file share all blocks of another, where the file system can."""
        if not self._clones:
            return False
        try:
            fcntl.ioctl(target, FICLONE, source)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._incoming.failed(error) from error
            self._clones = error.errno not in _UNKNOWN  # others are about this source
            return False
        return True

    def _hash(self, descriptor: int, hasher: Hasher) -> int:
        """Take a whole file into a hasher; returns its bytes."""
        buffer = self._buffer()[:STEP]
        done = 0
        while count := os.preadv(descriptor, [buffer], done):
            check()
            hasher.update(buffer[:count])
            done += count
        return done

    def _copy(self, fill: Fill, target: int, hasher: Hasher) -> int:
        return copy(fill, self._incoming.write, target, hasher, self._buffer())

    def _buffer(self) -> memoryview:
        """A buffer of `PIECE` bytes of this thread."""
        if not hasattr(self._buffers, "view"):
            self._buffers.view = memoryview(bytearray(PIECE))
        return cast("memoryview", self._buffers.view)

    def _wrong(self, digest: Digest, is_tree: bool) -> ContentMismatch:
        name = object_path(digest, is_tree=is_tree)
        return ContentMismatch(f"what came for {name} has another {digest.algorithm.name}")


@cache
def _opened(directory: str, shared: bool) -> ObjectCache:
    """One for all calls of this process, which shares no directory of temporary files with others: they would wait for its lock."""
    made = ObjectCache(directory, shared=shared)
    made._apart = f"{made._base}/{os.getpid() % 256:02x}"
    return made
