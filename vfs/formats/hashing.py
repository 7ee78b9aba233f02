r"""Incremental hashers for every kind of digest.

Rules:
  * MD5, SHA256, BLAKE3: of the bytes.
  * GIT: of `blob <size>\0` and the bytes; SHA-1, or SHA-256 where the digest has 32 bytes.
  * MD5_DOS2UNIX (DVC <= 2): the input is taken in chunks of 1 MiB; a chunk is text if its first
    512 bytes hold no NUL and at most 30 % characters outside 32..126 and `\n\r\t\f\b`; in
    text, CRLF becomes LF before hashing. A CRLF split over two chunks stays. There are two
    readings: DVC 3 decides for every chunk (`digest()` gives this one), DVC <= 2 decided once,
    by the first chunk. They differ only for files over 1 MiB that change their nature;
    `matches` accepts both. Source: dvc-data `hashfile/hash.py` (3.18 and 0.51),
    `istextfile.py`; checked against both.
"""

import hashlib
from typing import Protocol

import blake3

from vfs.types import Algorithm, Digest

CHUNK_SIZE = 1 << 20
_PROBE = 512
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"

Buffer = bytes | bytearray | memoryview


class Hasher(Protocol):
    """Takes the bytes of one content in order."""

    def update(self, data: Buffer, /) -> None:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """The digest of the bytes taken so far."""

    def matches(self, value: bytes, /) -> bool:
        """Whether `value` names the bytes taken so far, by any reading of the algorithm."""


def new_hasher(algorithm: Algorithm, size: int | None = None, *, length: int = 20) -> Hasher:
    """A hasher for contents named by `algorithm`.

    Args:
        algorithm: any but PLACE, which is no hash of a content.
        size: bytes of the content; GIT needs it.
        length: bytes of a GIT digest: 20 (SHA-1) or 32 (SHA-256).

    Raises:
        ValueError: PLACE, or GIT without a size (mistakes of the caller).
    """
    if algorithm is Algorithm.MD5_DOS2UNIX:
        return _Dos2Unix()
    if algorithm is Algorithm.MD5:
        return _Plain(hashlib.md5(usedforsecurity=False))
    if algorithm is Algorithm.SHA256:
        return _Plain(hashlib.sha256())
    if algorithm is Algorithm.BLAKE3:
        return _Plain(blake3.blake3())
    if algorithm is Algorithm.GIT and size is not None:
        git = hashlib.sha256() if length == 32 else hashlib.sha1(usedforsecurity=False)
        git.update(b"blob %d\0" % size)
        return _Plain(git)
    raise ValueError(f"cannot hash by {algorithm.name} (size {size})")


def believable(digest: Digest, size: int) -> bool:
    """Whether a content of that name may have that size: only the hash of nothing names an empty one.

    An upload or a copy that was cut off leaves empty objects, and an empty file is never read, so never compared.
    """
    return size > 0 or digest.algorithm is Algorithm.PLACE or digest.value in _OF_NOTHING


def hasher_for(digest: Digest, size: int | None = None) -> Hasher:
    """The hasher that can check `digest`: feed it, then ask `matches(digest.value)`."""
    return new_hasher(digest.algorithm, size, length=len(digest.value))


class _Hash(Protocol):
    def update(self, data: Buffer, /) -> object: ...
    def digest(self) -> bytes: ...
    def copy(self) -> "_Hash": ...


class _Plain:
    def __init__(self, inner: _Hash) -> None:
        self._inner = inner

    def update(self, data: Buffer, /) -> None:
        self._inner.update(data)

    def digest(self) -> bytes:
        return self._inner.digest()

    def matches(self, value: bytes, /) -> bool:
        return self._inner.digest() == value


class _Dos2Unix:
    """MD5_DOS2UNIX in both readings.

    Invariants: `_pending` holds the bytes of an unfinished chunk, fewer than CHUNK_SIZE;
    `_once` is the state of the first-chunk reading and the same object as `_each` (chunk by
    chunk) for as long as the two agree, so that nothing is hashed twice without need.
    """

    def __init__(self) -> None:
        self._each: _Hash = hashlib.md5(usedforsecurity=False)
        self._once: _Hash = self._each
        self._first: bool | None = None
        self._pending = bytearray()

    def update(self, data: Buffer, /) -> None:
        view = memoryview(data).cast("B")
        if self._pending:
            room = CHUNK_SIZE - len(self._pending)
            self._pending += view[:room]
            view = view[room:]
            if len(self._pending) < CHUNK_SIZE:
                return
            self._chunk(bytes(self._pending))
            self._pending = bytearray()
        whole = len(view) - len(view) % CHUNK_SIZE
        for start in range(0, whole, CHUNK_SIZE):
            self._chunk(bytes(view[start : start + CHUNK_SIZE]))
        self._pending += view[whole:]

    def digest(self) -> bytes:
        return self._finished()[0]

    def matches(self, value: bytes, /) -> bool:
        return value in self._finished()

    def _finished(self) -> tuple[bytes, bytes]:
        """Both digests, leaving the state as it is."""
        if not self._pending:
            return self._each.digest(), self._once.digest()
        other = _Dos2Unix()
        other._first = self._first
        other._each = self._each.copy()
        other._once = other._each if self._once is self._each else self._once.copy()
        other._chunk(bytes(self._pending))
        return other._each.digest(), other._once.digest()

    def _chunk(self, chunk: bytes) -> None:
        text = _is_text(chunk[:_PROBE])
        if self._first is None:
            self._first = text
        if self._once is self._each and text != self._first and b"\r\n" in chunk:
            self._once = self._each.copy()
        self._each.update(chunk.replace(b"\r\n", b"\n") if text else chunk)
        if self._once is not self._each:
            self._once.update(chunk.replace(b"\r\n", b"\n") if self._first else chunk)


def _is_text(block: bytes) -> bool:
    """DVC's guess by the first 512 bytes of a chunk."""
    if b"\0" in block:
        return False
    return len(block.translate(None, _TEXT)) / len(block) <= 0.30


_OF_NOTHING = {
    new_hasher(algorithm, 0, length=length).digest()
    for algorithm in Algorithm
    if algorithm is not Algorithm.PLACE
    for length in (20, 32)
}
