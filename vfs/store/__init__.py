"""The chunk store: segments of payload, an LMDB index, eviction, many processes at once.

Rule: everything here may be lost and nothing here may be wrong. See `docs/store.md`.
"""

from vfs.store.layout import checksum
from vfs.store.pins import whole
from vfs.store.room import Taken
from vfs.store.scrub import ScrubReport
from vfs.store.segments import Extent
from vfs.store.statistics import StoreStatistics
from vfs.store.store import ChunkStore
from vfs.store.verdicts import BAD, BAD_FILE, FILE, UNPROVEN, VERIFIED

__all__ = [
    "BAD",
    "BAD_FILE",
    "FILE",
    "UNPROVEN",
    "VERIFIED",
    "ChunkStore",
    "Extent",
    "ScrubReport",
    "StoreStatistics",
    "Taken",
    "checksum",
    "whole",
]
