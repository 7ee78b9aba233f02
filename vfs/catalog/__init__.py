"""What snapshots contain: facts per content, trees of tracked directories, small notes."""

from vfs.catalog.catalog import Catalog, CatalogStatistics
from vfs.catalog.collect import Collected, Rules
from vfs.catalog.difference import Change
from vfs.catalog.entries import Conflict, SubdirName, TreeEntry, check_order
from vfs.catalog.facts import Fact
from vfs.catalog.storage import is_readable
from vfs.catalog.tree import Tree

__all__ = [
    "Catalog",
    "CatalogStatistics",
    "Change",
    "Collected",
    "Conflict",
    "Fact",
    "Rules",
    "SubdirName",
    "Tree",
    "TreeEntry",
    "check_order",
    "is_readable",
]
