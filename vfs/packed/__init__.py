"""The packed layout over any remote: pushing files as packs and manifests, reading them back (`docs/packed.md`).

Blocking and thread-safe, but for `Pusher`, which belongs to one thread. Nothing here knows of working trees, caches or
pointers' files.
"""

from vfs.packed.ahead import Item
from vfs.packed.bulk import Piece, read_files
from vfs.packed.known import Known, learn_packs
from vfs.packed.manifest import Manifest, PackedRemote, Pointer
from vfs.packed.place import Located, PackedPlace, PackReader
from vfs.packed.pusher import Pusher, PushReport

__all__ = [
    "Item",
    "Known",
    "Located",
    "Manifest",
    "PackReader",
    "PackedPlace",
    "PackedRemote",
    "Piece",
    "Pointer",
    "PushReport",
    "Pusher",
    "learn_packs",
    "read_files",
]
