"""What a store tells about itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """State of a store.

    Attributes:
        bytes: size of all segments, by whichever process written.
        chunks: chunks in the index.
        segments: segment files.
        evicted: chunks given up since the index exists.
        pins: named pins.
        limit: bytes the store may take.
        min_free: bytes to leave free on its file system.
        writable: whether this process can cache at all.
        suspended: whether caching is off for the moment because there is no room.
        hits: chunks that this process looked up and found.
        misses: chunks that it did not find.
        corrupt: chunks that it found to be not what was stored.
    """

    bytes: int = 0
    chunks: int = 0
    segments: int = 0
    evicted: int = 0
    pins: int = 0
    limit: int = 0
    min_free: int = 0
    writable: bool = False
    suspended: bool = False
    hits: int = 0
    misses: int = 0
    corrupt: int = 0
