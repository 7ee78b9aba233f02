"""Which trees a collection forgets. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

DAY: Final = 86_400
RECENT: Final = 7 * DAY
"""A tree that was used within this time (s) stays, whatever the limit: its mounts may be offline."""
UNUSED: Final = 180 * DAY
"""A tree that was not used for this time (s) goes."""


class TreeUse(NamedTuple):
    """A tree, seen by the collector.

    Attributes:
        tree: its id.
        used: seconds since the epoch; when it was last used, to the day.
        weight: bytes of its root.
        pages: ids of its pages.
    """

    tree: bytes
    used: int
    weight: int
    pages: Sequence[bytes]


def unneeded(
    trees: Iterable[TreeUse],
    sizes: Mapping[bytes, int],
    *,
    now: int,
    limit: int,
    recent: int = RECENT,
) -> list[TreeUse]:
    """The trees to forget, the one used last first.

    From the one used last on, each stays that fits what is left of `limit` bytes; pages that a tree
    shares with those that stay cost nothing.

    Args:
        trees: all.
        sizes: bytes of pages; an unknown page costs nothing.
        now: seconds since the epoch.
        limit: bytes of roots and pages.
        recent: seconds; a tree used since then stays anyway.
    """
    kept: set[bytes] = set()
    total = 0
    goes = []
    for use in sorted(trees, key=lambda use: (-use.used, use.tree)):
        age = now - use.used
        fresh = set(use.pages) - kept
        cost = use.weight + sum(sizes.get(page, 0) for page in fresh)
        if age < recent or (age < UNUSED and total + cost <= limit):
            kept |= fresh
            total += cost
        else:
            goes.append(use)
    return goes
