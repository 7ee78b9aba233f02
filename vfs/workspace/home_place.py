"""The working file that is the home of a content (`vfs add --no-copy`), as a place and as a source of sizes.

Rule: what is read passes through the chunk store, and only if the file has its fingerprint before and after: a file that the
user may change at any moment is never handed out as a descriptor.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vfs.errors import ObjectMissing, StoreError
from vfs.objects import fingerprint
from vfs.own_mount import open_other
from vfs.state.homes import Home, Homes, homes_directory, homes_of
from vfs.transfer import Body
from vfs.types import Algorithm, Blob, Digest
from vfs.workspace.bodies import BytesBody
from vfs.workspace.stores import DvcStore

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class HomePlace:
    """A content in the working tree, if it is there."""

    local = True
    label = "working tree"

    def __init__(self, store: DvcStore, blob: Blob) -> None:
        self._top, self._git_dir = store.homes
        self._blob = blob
        self.where = f"{self.label}: {self._top}"

    def open_file(self) -> int | None:
        """The file is the user's: never as it is."""
        return None

    def is_here(self) -> bool:
        """Whether the file is what was hashed."""
        found = self._open()
        if found is not None:
            os.close(found[0])
        return found is not None

    def get(self, start: int, length: int, *, etag: str = "") -> Body:
        """A range of the file.

        Raises:
            ObjectMissing: it is not there, or changed since it was added.
        """
        found = self._open()
        if found is None:
            raise ObjectMissing(f"{self.where} does not hold it (any more)")
        descriptor, home = found
        try:
            data = os.pread(descriptor, length, start)
            if fingerprint(os.fstat(descriptor)) != home.fingerprint:
                raise ObjectMissing(f"{self.where}: {os.fsdecode(home.path)} changed")
        except OSError as error:
            raise ObjectMissing(f"{self.where}: {error.strerror}") from error
        finally:
            os.close(descriptor)
        return _Part(data, self._blob.size, length)

    def _open(self) -> tuple[int, Home] | None:
        try:
            homes = homes_of(homes_directory(Path(self._git_dir)))
            home = None if homes is None else homes.find([self._blob.digest])[0]
            if home is None:
                return None
            descriptor = open_other(os.path.join(self._top, os.fsdecode(home.path)), _OPEN)
        except (OSError, StoreError):
            return None
        if fingerprint(os.fstat(descriptor)) == home.fingerprint:
            return descriptor, home
        os.close(descriptor)
        return None


class _Part(BytesBody):
    """A range of a larger content."""

    def __init__(self, data: bytes, size: int, length: int) -> None:
        super().__init__(data, 0, length)
        self.size = size


def home_sizes(
    store: DvcStore, algorithm: Algorithm, unknown: set[bytes]
) -> Iterator[tuple[bytes, int]]:
    """Sizes of contents that have their home in the working tree."""
    with suppress(StoreError):  # then nobody knows of any
        yield from _sizes(homes_of(homes_directory(Path(store.homes[1]))), algorithm, unknown)


def _sizes(
    homes: Homes | None, algorithm: Algorithm, unknown: set[bytes]
) -> Iterator[tuple[bytes, int]]:
    if homes is None:
        return
    digests = [Digest(algorithm, value) for value in unknown]
    for digest, home in zip(digests, homes.find(digests), strict=True):
        if home is not None:
            yield digest.value, home.fingerprint.size
