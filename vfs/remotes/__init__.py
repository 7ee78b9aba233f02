"""Places that hold objects: one protocol, its drivers and its wrappers."""

from vfs.remotes.base import Body, ObjectInfo, Remote, RemoteSpec, read_body
from vfs.remotes.stack import open_lfs, open_remote
from vfs.remotes.statistics import RemoteStatistics, Statistics

__all__ = [
    "Body",
    "ObjectInfo",
    "Remote",
    "RemoteSpec",
    "RemoteStatistics",
    "Statistics",
    "open_lfs",
    "open_remote",
    "read_body",
]
