"""Fetching blobs from places into the chunk store."""

from vfs.transfer.fetcher import Fetcher, Limits
from vfs.transfer.place import Body, Place, PlacesOf, Wanted
from vfs.transfer.statistics import FetchStatistics
from vfs.transfer.warmup import PrefetchReport

__all__ = [
    "Body",
    "FetchStatistics",
    "Fetcher",
    "Limits",
    "Place",
    "PlacesOf",
    "PrefetchReport",
    "Wanted",
]
