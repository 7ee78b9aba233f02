"""What remotes lack of some outs: the question that `push` asks, without its answer.

Rules: those of `push` (`vfs.sharing.there`); what is seen is remembered for a later push.
Memory: the digests of listings that a remote lacks.
"""

from typing import NamedTuple

from vfs.errors import VfsError
from vfs.packed import PackedRemote, Pointer
from vfs.sharing.layout import open_layout
from vfs.sharing.push import pushed, remote_of
from vfs.sharing.there import There
from vfs.sharing.used import Used
from vfs.state import Seen, StateTable
from vfs.tracking.caches import Caches
from vfs.tracking.uses import Use
from vfs.types import Digest
from vfs.workspace import Workspace
from vfs.workspace.stores import RemoteRef


class OnRemote(NamedTuple):
    """One remote.

    Attributes:
        name: of it.
        outs: of which it lacks something, and how many objects.
    """

    name: str
    outs: list[tuple[Use, int]]


def missing(
    workspace: Workspace, table: StateTable, remote: str | None, used: Used
) -> list[OnRemote]:
    """What each remote lacks that an out goes to: its own, else the named one, else the default.

    Raises:
        ConfigError: no remote is configured for an out.
        Unsupported: a remote is of a kind that is not written to.
        RemoteError: a remote is down or refuses us.
        UnknownPath: a target means nothing.
    """
    groups: dict[RemoteRef, list[Use]] = {}
    for use in used.uses:
        if pushed(use) and use.out.digest is not None:
            ref = remote_of(use, remote, workspace.settings.remote_default)
            groups.setdefault(ref, []).append(use)
    found = [
        OnRemote(ref.name, _lacking(workspace, table, ref, uses)) for ref, uses in groups.items()
    ]
    used.check()
    return found


def _lacking(
    workspace: Workspace, table: StateTable, ref: RemoteRef, uses: list[Use]
) -> list[tuple[Use, int]]:
    if any(ref in use.store.packed for use in uses):
        return _packed(PackedRemote(workspace.session.remote(ref)), uses)
    layout = open_layout(workspace, ref)
    remote = There(layout, Seen(table, layout.service), Caches(uses[0].store))
    there = remote.now((d, use.out.is_tree) for use in uses if (d := use.out.digest) is not None)
    doubtful = remote.unproven(digest for digest, is_tree in there if is_tree)
    files: dict[int, list[Digest]] = {}
    for number, use in enumerate(uses):
        if (use.out.digest, use.out.is_tree) not in there or use.out.digest in doubtful:
            files[number] = _files(use)
    has = remote.files(dict.fromkeys(d for one in files.values() for d in one))
    lacking: list[tuple[Use, int]] = []
    proven: list[Digest] = []
    for number, digests in files.items():
        use, digest = uses[number], uses[number].out.digest
        lacks = sum(one not in has for one in digests)
        lacks += use.out.is_tree and (digest, True) not in there
        if lacks or digest not in doubtful:
            lacking.append((use, lacks))
        elif digests and use.wanted.inside is None:
            proven.append(digest)
    remote.prove(proven)
    return lacking


def _packed(store: PackedRemote, uses: list[Use]) -> list[tuple[Use, int]]:
    """A packed remote has all of an out, or its manifest is missing: then all of it may have to go."""
    pointers = [Pointer(d, use.out.is_tree) for use in uses if (d := use.out.digest) is not None]
    there = store.present(pointers)
    return [
        (use, len(_files(use)) + use.out.is_tree)
        for use, pointer in zip(uses, pointers, strict=True)
        if pointer not in there
    ]


def _files(use: Use) -> list[Digest]:
    """The files of an out, as far as is known here."""
    assert use.out.digest is not None
    if not use.out.is_tree:
        return [use.out.digest]
    try:
        return [entry.digest for entry in use.files(Caches(use.store))]
    except VfsError:
        return []  # its list is neither here nor there
