"""Fetching blobs from places into the chunk store.

Rule: what runs on the event loop is loaded when it is first asked for; verbs that only know places do without it.
"""

from typing import TYPE_CHECKING

from vfs.transfer.place import Body, Place, PlacesOf, Wanted

if TYPE_CHECKING:
    from vfs.transfer.blocks import WHOLE_SIZE
    from vfs.transfer.fetcher import Fetcher
    from vfs.transfer.limits import Limits
    from vfs.transfer.local_file import LocalFile, Replaced
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
    "Replaced",
    "Wanted",
]

_MODULES = {
    "Fetcher": "fetcher",
    "Limits": "limits",
    "LocalFile": "local_file",
    "Replaced": "local_file",
    "WHOLE_SIZE": "blocks",
    "FetchStatistics": "statistics",
    "PrefetchReport": "warmup",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
