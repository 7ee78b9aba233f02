"""Git as the keeper of commits, trees and plain files; the home of pygit2.

Rule: pygit2 is imported when the first name that needs it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from vfs.git.clone import clone_metadata
    from vfs.git.repository import Repository

__all__ = [
    "MODE_BLOB",
    "MODE_COMMIT",
    "MODE_EXECUTABLE",
    "MODE_SYMLINK",
    "MODE_TREE",
    "Commit",
    "CommitInfo",
    "Repository",
    "Submodule",
    "TreeItem",
    "clone_metadata",
]

_HOMES = {"Repository": "repository", "clone_metadata": "clone"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
