"""The DVC cache of a clone as an object store: contents by digest, in DVC's own layout."""

from vfs.objects.cache import Ingested, ObjectCache
from vfs.objects.lock import writing
from vfs.objects.source import Fingerprint, fingerprint

__all__ = ["Fingerprint", "Ingested", "ObjectCache", "fingerprint", "writing"]
