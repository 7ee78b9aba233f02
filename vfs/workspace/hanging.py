"""Directories of this machine that do not answer: a cache on a network file system whose server is gone.

Rule: a look into one that has taken `HANGS` seconds hangs; until it comes back nobody else looks there, so that as few threads as can be
hang with it, and readers go on to other places at once. Thread-safe.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from vfs.errors import RemoteUnavailable

HANGS: Final = 2.0


class Looks:
    """Which looks are under way, by directory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, dict[object, float]] = {}

    @contextmanager
    def into(self, directory: str) -> Iterator[None]:
        """Around a look; raises RemoteUnavailable if an earlier one hangs."""
        under_way = self._since.setdefault(directory, {})
        oldest = next(iter(list(under_way.values())), None)
        if oldest is not None and self._clock() - oldest > HANGS:
            raise RemoteUnavailable(
                f"{directory} does not answer", hint="is it on a network whose server is gone?"
            )
        ours = object()
        under_way[ours] = self._clock()
        try:
            yield
        finally:
            del under_way[ours]


LOOKS: Final = Looks()
"""Of this process."""
