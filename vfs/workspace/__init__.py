"""One repository in use: its snapshots, and where the bytes of each entry come from."""

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
