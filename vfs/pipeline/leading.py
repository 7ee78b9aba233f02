"""What the symlinks in the outs of a private view led to while its command ran.

Rules:

* Each name on the way is looked up as the command saw it, and never through a symlink of the working tree: `d/f` is what `d` led to in the view.
* So are names on a way that leads out of the working tree: it may come back by another name of it.
* Only what was moved to `Layers.made` is changed. A symlink in it is replaced, never followed.
"""

import os
import shutil
import stat
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from vfs.pipeline.way import links_below, way
from vfs.sandbox.changes import is_opaque
from vfs.tracking.links import failed
from vfs.tracking.project import is_inside


class Layers(NamedTuple):
    """Where what a command saw lies.

    Attributes:
        made: where outs are moved to.
        upper: what it wrote.
        below: the working tree, and what lies below it.
        outs: that were moved: nothing of them is anywhere else.
        hide: paths of what is below the working tree that it hides.
    """

    made: bytes
    upper: bytes
    below: Sequence[bytes]
    outs: Sequence[bytes]
    hide: Collection[bytes]


def resolve(top: bytes, path: bytes, layers: Layers) -> None:
    """Replace symlinks to files, at a path of what was made and below it, by what they led to. Raises StoreError."""
    for link in list(_links(os.path.join(layers.made, path))):
        target = _led_to(top, os.path.relpath(link, layers.made), layers)
        if target is None:
            continue
        copy = link + b".vfs-" + os.urandom(4).hex().encode()
        try:
            shutil.copy(target, copy)
            os.replace(copy, link)
        except OSError as error:
            raise failed(link, error) from error


def is_there(upper: bytes, path: bytes) -> bool:
    """Whether a layer has a path, which is no whiteout."""
    try:
        found = os.lstat(os.path.join(upper, path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not (stat.S_ISCHR(found.st_mode) and found.st_rdev == os.makedev(0, 0))


def above(path: bytes) -> Iterator[bytes]:
    """The directories that a path is in, the nearest first."""
    while path := os.path.dirname(path):
        yield path


def _links(path: bytes) -> Iterator[bytes]:
    if os.path.islink(path):  # what lies behind it is not ours
        yield path
    else:
        yield from links_below(path)


def _led_to(top: bytes, path: bytes, layers: Layers) -> bytes | None:
    """The file that a path of the view leads to, where it lies; None if to none, or to a directory."""
    top = os.path.realpath(top)
    _, end = way(os.path.join(top, path), lambda place: _lies(place, top, layers))
    found = None if end is None else _lies(end, top, layers)
    return found if found is not None and os.path.isfile(found) else None


def _lies(absolute: bytes, top: bytes, layers: Layers) -> bytes | None:
    """Where lies what a command saw at a path that goes through no symlink: outside of the working tree it is what is there."""
    if absolute == top or not is_inside(absolute, top):
        return absolute
    return _found(os.path.relpath(absolute, top), layers)


def _found(path: bytes, layers: Layers) -> bytes | None:
    """Where a path of the view lies that goes through no symlink."""
    if is_there(layers.made, path):
        return os.path.join(layers.made, path)
    if any(is_inside(path, out) for out in layers.outs):
        return None
    if os.path.lexists(os.path.join(layers.upper, path)):
        return os.path.join(layers.upper, path) if is_there(layers.upper, path) else None
    if any(is_opaque(os.path.join(layers.upper, one)) for one in above(path)):
        return None
    tree, *below = layers.below
    if is_there(tree, path) or any(one in layers.hide for one in (path, *above(path))):
        below = []
    return next((os.path.join(d, path) for d in (tree, *below) if is_there(d, path)), None)
