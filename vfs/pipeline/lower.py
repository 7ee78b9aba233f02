"""What the private views of one `vfs run` or `vfs repro` have in common."""

import threading
from typing import Protocol

from vfs.errors import Unsupported


class Lower(Protocol):
    """The mount of what is recorded; thread-safe."""

    def layer(self, version: int) -> bytes:
        """A directory that shows what the working tree's pointers and locks say now.

        Args:
            version: another number than the last time if they are others.

        Raises:
            VfsError: it cannot be mounted.
        """


class Views:
    """Of one command.

    Attributes:
        lower: the mount below them.
        keep: also the scratch of a stage that failed.
        scrap: the working tree itself is thrown away afterwards.
        impossible: why there can be none, once that is known.
    """

    def __init__(self, lower: Lower, *, keep: bool, scrap: bool) -> None:
        self.lower = lower
        self.scrap = scrap
        self.keep = keep
        self.impossible: Unsupported | None = None
        self._told = threading.Lock()

    def tell(self) -> bool:
        """Whether nobody was told yet that there can be none."""
        return self._told.acquire(blocking=False)
