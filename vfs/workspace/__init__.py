"""One repository in use: its snapshots, and where the bytes of each entry come from.

Rule: a name is imported when it is first asked for, so that who needs the pointers of a tree alone starts at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vfs.workspace.changes import Change
    from vfs.workspace.directory import Directory, Weight
    from vfs.workspace.open import open_workspace
    from vfs.workspace.origins import Origin
    from vfs.workspace.snapshot import Snapshot
    from vfs.workspace.workspace import Workspace

__all__ = [
    "Change",
    "Directory",
    "Origin",
    "Snapshot",
    "Weight",
    "Workspace",
    "open_workspace",
]

_HOMES = {"Change": "changes", "Weight": "directory", "open_workspace": "open", "Origin": "origins"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, name.lower())}"), name)
