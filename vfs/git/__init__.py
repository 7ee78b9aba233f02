"""Git as the keeper of commits, trees and plain files; the home of pygit2."""

from vfs.git.clone import clone_metadata
from vfs.git.credentials import GitCredentials
from vfs.git.objects import (
    MODE_BLOB,
    MODE_COMMIT,
    MODE_EXECUTABLE,
    MODE_SYMLINK,
    MODE_TREE,
    Commit,
    CommitInfo,
    Submodule,
    TreeItem,
)
from vfs.git.repository import Repository

__all__ = [
    "MODE_BLOB",
    "MODE_COMMIT",
    "MODE_EXECUTABLE",
    "MODE_SYMLINK",
    "MODE_TREE",
    "Commit",
    "CommitInfo",
    "GitCredentials",
    "Repository",
    "Submodule",
    "TreeItem",
    "clone_metadata",
]
