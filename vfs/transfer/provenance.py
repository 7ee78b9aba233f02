"""`Provenance`: whose bytes the blocks of one large blob are, until they are compared with its digest.

Rule: blocks are kept by digest and number alone, so those that another repository's remote supplied, or another version of the object,
lie under the same keys. The store notes the source of a blob's unproven blocks (`vfs.store.verdicts`); a process uses them once a place
of its own has answered with the same source, and otherwise has them dropped. Thread-safe.
"""

import secrets
import threading
from typing import Final, Protocol, runtime_checkable

from blake3 import blake3

from vfs.store import ChunkStore
from vfs.transfer.place import Place

_PROCESS: Final = secrets.token_bytes(16)
"""Stands for a source that no other process can name again."""


@runtime_checkable
class Sourced(Protocol):
    """A place that says what it is, so that another process knows it again.

    Attributes:
        source: stands for the server and the name of the object there; nobody but the owner of both can give other bytes for it.
    """

    @property
    def source(self) -> bytes:
        """See the class."""


def source_of(place: Place, etag: str) -> bytes:
    """What stands for one version of an object at a place."""
    known = place.source if isinstance(place, Sourced) else _PROCESS + place.where.encode()
    return blake3(known + b"\0" + etag.encode("utf-8", "surrogateescape")).digest(16)


class Provenance:
    """Of one blob in this process.

    Attributes:
        value: the source of what lies in the store; empty as long as no place has answered.
    """

    __slots__ = ("_lock", "value")

    def __init__(self) -> None:
        self.value = b""
        self._lock = threading.Lock()

    def answered(self, store: ChunkStore, prefix: bytes, source: bytes) -> bool:
        """A place answers; its blocks are to be kept. In a worker thread.

        Returns:
            Whether the blocks of other sources were dropped.

        Raises:
            StoreError: the store cannot be written to.
        """
        with self._lock:
            if self.value in (source, _PROCESS):
                return False
            mixed = (
                _PROCESS if self.value else source
            )  # several of the blob's own places give parts
            dropped = store.claim(prefix, mixed, self.value)
            self.value = mixed
            return dropped
