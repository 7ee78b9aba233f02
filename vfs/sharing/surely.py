"""What a remote surely has: asked before `gc` lets the copy in a cache go, which may be the last right one.

Rules: a remote that is the cache itself, by whatever path or server, has nothing: an empty object of a random name is put beside those that are about to go,
for a moment, and asked for. Each object is asked for by itself, since a LIST may show what is gone. One of another size than here is another one. Of a directory of
this machine, what is not marked as verified (mode 0444) is hashed. Of other remotes, an ETag that has the form of an MD5 is compared; where it is
another one, the object is read: if it is right, and no ETag was an MD5, those of this remote are none (it encrypts), and nothing follows from them. Else the size has to do.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from vfs.errors import DataUnavailable, StoreError
from vfs.formats.hashing import hasher_for
from vfs.objects import ObjectCache
from vfs.sharing.plain import FEW, PlainRemote
from vfs.types import Algorithm, Digest
from vfs.workspace.condemned import Object

_PIECE: Final = 1 << 20
_MD5: Final = re.compile(r"[0-9a-f]{32}\Z")


def surely(layout: PlainRemote, sizes: Mapping[Object, int], cache: ObjectCache) -> set[Object]:
    """Those of some objects of a cache, of which sizes are known (bytes), that a remote has as well.

    Raises:
        RemoteError, FormatError: as `PlainRemote.heads`.
        StoreError: the cache cannot be written, so it cannot be told from the remote.
    """
    if _same_place(layout, cache, sizes):
        return set()
    if layout.directory is not None:
        found = {one for one, info in layout.present(list(sizes)) if info.size == sizes[one]}
        return {one for one in found if _right_here(layout.directory, one, sizes[one])}
    sized = [(one, info.etag) for one, info in layout.heads(list(sizes)) if info.size == sizes[one]]
    doubtful = [one for one, etag in sized if _other(one, etag)]
    mixed = any(one[0].hex == etag for one, etag in sized)  # some are MD5s: each has to be read
    wrong = set()
    for one in doubtful:
        if altered(layout, one) is not None:
            wrong.add(one)
        elif not mixed:
            break
    return {one for one, _ in sized} - wrong


def _same_place(layout: PlainRemote, cache: ObjectCache, objects: Iterable[Object]) -> bool:
    """Whether a directory of the cache in which some objects lie is one of the remote: what is removed from the one is gone from both."""
    directories = list({(digest.algorithm, digest.value[:1]) for digest, _ in objects})
    for at in range(0, len(directories), FEW):
        with ExitStack() as stack:
            some = directories[at : at + FEW]
            made = [Digest(algorithm, first + os.urandom(15)) for algorithm, first in some]
            for digest in made:
                stack.enter_context(_put(cache.path(digest)))
            if layout.shows([(digest, False) for digest in made]):
                return True
    return False


@contextmanager
def _put(path: str) -> Iterator[None]:
    """An empty object for a moment, without the mark of a verified one; what a kill leaves of it is garbage to everybody."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def altered(layout: PlainRemote, one: Object) -> int | None:
    """None if an object of a remote is what its name says, else how many bytes it has; raises as `Remote.get`."""
    digest, is_tree = one
    with layout.open(digest, is_tree=is_tree) as body:
        hasher = hasher_for(digest, body.size)
        buffer = memoryview(bytearray(min(_PIECE, body.size + 1)))
        while count := body.readinto(buffer):
            hasher.update(buffer[:count])
        return None if hasher.matches(digest.value) else body.size


def _right_here(directory: ObjectCache, one: Object, size: int) -> bool:
    digest, is_tree = one
    try:
        return bool(directory.trust(digest, is_tree=is_tree, size=size)) or directory.verify(
            digest, is_tree=is_tree
        )
    except DataUnavailable:
        return False


def _other(one: Object, etag: str) -> bool:
    """Whether an ETag may say that an object is another one."""
    digest = one[0]
    return digest.algorithm is Algorithm.MD5 and bool(_MD5.match(etag)) and etag != digest.hex
