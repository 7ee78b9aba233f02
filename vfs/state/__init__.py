"""What a clone remembers of its files and remotes: may be lost at any time, at the cost of time only."""

from vfs.state.clean import CleanOuts
from vfs.state.files import FileState
from vfs.state.outs import OutState, Placed
from vfs.state.seen import Seen
from vfs.state.table import StateTable, own_table, spare_table, state_directory

__all__ = [
    "CleanOuts",
    "FileState",
    "OutState",
    "Placed",
    "Seen",
    "StateTable",
    "own_table",
    "spare_table",
    "state_directory",
]
