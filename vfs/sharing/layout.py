"""Which layout a remote has: the one place that decides it."""

from collections.abc import Iterable

from vfs.errors import ConfigError
from vfs.sharing.plain import PlainRemote
from vfs.workspace import Workspace
from vfs.workspace.stores import DvcStore, RemoteRef


def open_layout(workspace: Workspace, ref: RemoteRef) -> PlainRemote:
    """A remote, ready to send to and to receive from.

    Raises:
        Unsupported: vfs has no driver for it, or does not write to remotes of its kind.
        ConfigError: its options make no sense.
    """
    session = workspace.session
    return PlainRemote(session.remote(ref), ref, session.settings.jobs)


def open_named(workspace: Workspace, stores: Iterable[DvcStore], name: str) -> list[PlainRemote]:
    """The remote of a name in DVC's layout, as each of some stores knows it, for upkeep of what lies there.

    Raises:
        ConfigError: no store has one.
        Unsupported: it is of a kind that is not looked after.
    """
    found: dict[RemoteRef, None] = {}
    for store in stores:
        ref = store.remote(name)
        if ref is not None:
            found[ref] = None
    if not found:
        raise ConfigError(f"no remote is called {name}", hint="vfs remote list shows them")
    return [open_layout(workspace, ref) for ref in found]


def packed_named(stores: Iterable[DvcStore], name: str) -> list[RemoteRef]:
    """The packed remotes of a name; none if that is one in DVC's layout, or none."""
    return list(dict.fromkeys(ref for one in stores for ref in one.packed if ref.name == name))
