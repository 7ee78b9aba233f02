"""Which layout a remote has: the one place that decides it."""

from vfs.sharing.plain import PlainRemote
from vfs.workspace import Workspace
from vfs.workspace.stores import RemoteRef


def open_layout(workspace: Workspace, ref: RemoteRef) -> PlainRemote:
    """A remote, ready to send to and to receive from.

    Raises:
        Unsupported: vfs has no driver for it, or does not write to remotes of its kind.
        ConfigError: its options make no sense.
    """
    session = workspace.session
    return PlainRemote(session.remote(ref), ref, session.settings.jobs)
