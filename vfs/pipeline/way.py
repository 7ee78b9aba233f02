"""Where paths lead, name by name, as the kernel follows them."""

import os
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

_MOST_LINKS: Final = 40
"""In a row, as the kernel has it."""


class Way(NamedTuple):
    """A path that was followed.

    Attributes:
        links: the symlinks on the way, absolute.
        end: what it leads to, by a path that goes through no symlink, whether there is anything or not; None: it leads nowhere.
    """

    links: list[bytes]
    end: bytes | None


def way(path: bytes, lies: Callable[[bytes], bytes | None] = lambda place: place) -> Way:
    """Follow an absolute path.

    Args:
        path: the path.
        lies: where that lies which is found at a path that goes through no symlink; None: there is nothing.
    """
    at, left = b"/", path.split(b"/")
    links: list[bytes] = []
    while left:
        name = left.pop(0)
        if name in (b"", b"."):
            continue
        if name == b"..":
            at = os.path.dirname(at)
            continue
        place = os.path.join(at, name)
        here = lies(place)
        if here is None:
            return Way(links, None)
        try:
            target = os.readlink(here)
        except OSError:  # it is none
            at = place
            continue
        links.append(place)
        if len(links) > _MOST_LINKS:
            return Way(links, None)
        if target.startswith(b"/"):
            at = b"/"
        left[:0] = target.split(b"/")
    return Way(links, at)


def links_below(directory: bytes) -> Iterator[bytes]:
    """The symlinks in a directory; none if it is none."""
    for parent, directories, names in os.walk(directory):
        for name in (*directories, *names):
            if os.path.islink(path := os.path.join(parent, name)):
                yield path
