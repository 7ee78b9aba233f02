"""The DVC cache of a clone as an object store: contents by digest, in DVC's own layout."""

from vfs.objects.cache import Ingested, ObjectCache
from vfs.objects.lock import locked, writing
from vfs.objects.source import Fingerprint, fingerprint, hash_source

__all__ = [
    "Fingerprint",
    "Ingested",
    "ObjectCache",
    "fingerprint",
    "hash_source",
    "locked",
    "writing",
]
