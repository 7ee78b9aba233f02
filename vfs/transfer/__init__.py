"""Fetching blobs from places into the chunk store."""

from vfs.transfer.fetcher import Fetcher, Limits
from vfs.transfer.local_file import LocalFile, verdict_key
from vfs.transfer.place import Body, Place, PlacesOf, Wanted
from vfs.transfer.state import WHOLE_SIZE
from vfs.transfer.statistics import FetchStatistics
from vfs.transfer.warmup import PrefetchReport

__all__ = [
    "WHOLE_SIZE",
    "Body",
    "FetchStatistics",
    "Fetcher",
    "Limits",
    "LocalFile",
    "Place",
    "PlacesOf",
    "PrefetchReport",
    "Wanted",
    "verdict_key",
]
