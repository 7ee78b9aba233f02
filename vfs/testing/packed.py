"""Files and pointers for tests of the packed layout."""

import hashlib
import io
from collections.abc import Callable, Mapping
from typing import BinaryIO

from vfs.formats.dirlisting import listing_digest
from vfs.packed import Item, Known, PackedRemote, Pointer, Pusher, PushReport, learn_packs
from vfs.remotes import Remote
from vfs.types import Algorithm, Digest

Files = Mapping[bytes, bytes]


def digest_of(content: bytes) -> Digest:
    return Digest(Algorithm.MD5, hashlib.md5(content).digest())


def items_of(files: Files, *, opened: list[bytes] | None = None) -> list[Item]:
    """Items of files in memory; `opened` collects the paths of those that are read."""

    def opener(path: bytes) -> Callable[[], BinaryIO]:
        def open_it() -> BinaryIO:
            if opened is not None:
                opened.append(path)
            return io.BytesIO(files[path])

        return open_it

    return [
        Item(path, digest_of(files[path]), len(files[path]), opener(path)) for path in sorted(files)
    ]


def pointer_of(files: Files) -> Pointer:
    """What Git would hold for a directory of these files; for a lone file at b"", of that."""
    if set(files) == {b""}:
        return Pointer(digest_of(files[b""]), False)
    found = listing_digest((path, digest_of(files[path]).hex) for path in sorted(files))
    return Pointer(Digest(Algorithm.MD5, found), True)


def push(
    remote: Remote,
    files: Files,
    *,
    bases: tuple[Pointer, ...] = (),
    expected: int = 0,
    opened: list[bytes] | None = None,
    pack_bytes: int = 1 << 20,
) -> tuple[Pointer, PushReport]:
    store = PackedRemote(remote)
    known: Known = learn_packs(store, bases, expected=expected)
    pointer = pointer_of(files)
    with Pusher(store, known, pack_bytes=pack_bytes) as pusher:
        pusher.add(pointer, items_of(files, opened=opened))
        return pointer, pusher.finish()
