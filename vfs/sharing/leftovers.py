"""What killed pushes left half-written on a remote that is a directory of this machine, in either layout."""

import os
from collections.abc import Iterable, Iterator

from vfs.formats.packs import ROOT
from vfs.objects.leftovers import DAY, Leftover, leftovers, places
from vfs.workspace.condemned import FOLDER
from vfs.workspace.stores import DvcStore


def left_there(stores: Iterable[DvcStore], name: str) -> list[Leftover]:
    """Temporary files that nobody wrote to for a day on the remotes of a name."""
    refs = {ref for store in stores for ref in (*store.remotes, *store.packed) if ref.name == name}
    tops = {os.path.join(ref.directory, ref.prefix) for ref in refs if ref.local}
    return sorted(leftovers((path for top in tops for path in _written(top)), DAY))


def _written(top: str) -> Iterator[str]:
    """Directories that a push or a collection writes to."""
    yield from places(top)
    yield os.path.join(top, FOLDER)
    for directory, _, _ in os.walk(os.path.join(top, ROOT)):
        yield directory
