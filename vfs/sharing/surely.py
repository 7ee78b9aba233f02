"""What a remote surely has: asked before `gc` lets the copy in a cache go, which may be the last right one.

Rules: each object is asked for by itself, since a LIST may show what is gone. One of another size than here is another one. Of a directory of
this machine, what is not marked as verified (mode 0444) is hashed. Of other remotes, an ETag that has the form of an MD5 is compared; where it is
another one, the object is read: if it is right, the ETags of this remote are no MD5s (it encrypts), and nothing follows from them. Else the size has to do.
"""

import re
from collections.abc import Mapping
from typing import Final

from vfs.errors import DataUnavailable
from vfs.formats.hashing import hasher_for
from vfs.objects import ObjectCache
from vfs.sharing.plain import PlainRemote
from vfs.types import Algorithm
from vfs.workspace.condemned import Object

_PIECE: Final = 1 << 20
_MD5: Final = re.compile(r"[0-9a-f]{32}\Z")


def surely(layout: PlainRemote, sizes: Mapping[Object, int]) -> set[Object]:
    """Those of some objects, of which sizes are known (bytes), that a remote has. Raises RemoteError, FormatError."""
    if layout.directory is not None:
        found = {one for one, info in layout.present(list(sizes)) if info.size == sizes[one]}
        return {one for one in found if _right_here(layout.directory, one, sizes[one])}
    sized = [(one, info.etag) for one, info in layout.heads(list(sizes)) if info.size == sizes[one]]
    doubtful = [one for one, etag in sized if _other(one, etag)]
    for place, one in enumerate(doubtful):
        if altered(layout, one) is None:
            return {one for one, _ in sized}.difference(doubtful[:place])
    return {one for one, _ in sized}.difference(doubtful)


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
