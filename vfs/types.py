"""Values that every layer shares: digests, blobs, directory entries.

Rule: plain immutable data; no I/O and no behaviour beyond conversion.
"""

from enum import IntEnum
from typing import Final, NamedTuple

BLOCK_SIZE: Final = 256 * 1024
"""Bytes in a block of a content that vfs did not chunk itself; part of the on-disk key formats."""


class Algorithm(IntEnum):
    """How a digest names content. The numbers are part of the on-disk key formats."""

    GIT = 1  # Git blob id (SHA-1, 20 bytes, or SHA-256, 32 bytes)
    MD5 = 2  # DVC 3: MD5 of the bytes
    MD5_DOS2UNIX = 3  # DVC <= 2: MD5 after CRLF -> LF in text-like files
    SHA256 = 4  # Git LFS
    BLAKE3 = 5  # chunks and files that vfs authored
    PLACE = 6  # nobody hashed it: BLAKE3 of (url, version id, ETag) that pin the content


class Digest(NamedTuple):
    """The name of an immutable content."""

    algorithm: Algorithm
    value: bytes

    @property
    def key(self) -> bytes:
        """Binary form used in keys: one algorithm byte, then the value."""
        return bytes((self.algorithm,)) + self.value

    @property
    def hex(self) -> str:
        """The value in lower-case hexadecimal."""
        return self.value.hex()

    def __str__(self) -> str:
        return f"{self.algorithm.name.lower().replace('_', '-')}:{self.value.hex()}"


SHARED: Final = b"+"
"""The scope of bytes that are known to be right: they belong to every repository."""


class Blob(NamedTuple):
    """An immutable content of known size (bytes).

    `scope` says whose remotes may give bytes for it that nobody has compared with the digest: 16 bytes of one repository
    (`vfs.workspace.scope`), empty for what is compared before it is kept, or cannot be.
    """

    digest: Digest
    size: int
    scope: bytes = b""

    @property
    def key(self) -> bytes:
        """Binary form used in keys: `Digest.key`, the size (u64, big-endian), the scope.

        Whoever claims another size for a digest speaks of another content, and spoils nothing of this one.
        """
        return self.digest.key + self.size.to_bytes(8, "big") + self.scope

    @property
    def proven_key(self) -> bytes:
        """The same for bytes that are known to be right."""
        return self._replace(scope=SHARED).key if self.scope else self.key

    def edition_key(self, edition: bytes) -> bytes:
        """The same for bytes that nobody has compared, of one version of the object at one place (`vfs.transfer.blocks`)."""
        return self._replace(scope=edition).key


def proven_twin(key: bytes) -> bytes:
    """The key that a block has once it is proven: `SHARED` in the place of the edition (16 bytes), before its number (4 bytes)."""
    return key[:-20] + SHARED + key[-4:]


def is_block(key: bytes) -> bool:
    """Whether a key in a pin is that of a block; else it stands for a pointer (`vfs.transfer.blocks.pointer_key`): nothing has no blocks."""
    return key[-13:-4] != bytes(8) + SHARED


class Kind(IntEnum):
    """What a directory entry is."""

    FILE = 1
    EXECUTABLE = 2
    SYMLINK = 3
    DIRECTORY = 4
    BROKEN = 5  # named by a snapshot, but it cannot be served; `Entry.problem` says why


class Entry(NamedTuple):
    """One name in a directory of a snapshot.

    Attributes:
        name: a single valid path component (bytes, as Git stores it).
        kind: what it is.
        digest: content of a file or symlink; None for directories and broken entries.
        size: bytes; for a symlink the length of its target; 0 for directories.
        mtime: seconds since the epoch.
        origin: index into the snapshot's origins (where the bytes come from).
        problem: for BROKEN, the sentence a user is shown.
    """

    name: bytes
    kind: Kind
    digest: Digest | None = None
    size: int = 0
    mtime: int = 0
    origin: int = 0
    problem: str = ""


class Severity(IntEnum):
    """Whether a problem keeps data from being read."""

    BROKEN = 1  # the path, or something below it, cannot be served
    NOTE = 2  # everything that is meant to be there can be read; somebody should know all the same


class Problem(NamedTuple):
    """Something that is wrong with a snapshot, and why.

    `heals`: something outside the commit may mend it (a remote, a cache, a configuration of this machine), so it is worth
    another look; else it is a fact of the commit, which stays as long as the commit does.
    `silent`: a remote gave no answer in time, which is an outage and no answer.
    """

    path: bytes
    code: str
    message: str
    hint: str = ""
    severity: Severity = Severity.BROKEN
    heals: bool = True
    silent: bool = False
