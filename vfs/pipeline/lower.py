"""What the private views of one `vfs run` or `vfs repro` have in common."""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from vfs.errors import Unsupported
from vfs.pipeline.ignoring import Ignoring


class Handed(NamedTuple):
    """What a mount gave since it was made.

    Attributes:
        by_inode: bytes that were read of it, by the number of the inode.
        failed: reads that ended in an error, so too.
        broken: look-ups of what cannot be served, by path.
        received: bytes from remotes.
    """

    by_inode: Mapping[int, int]
    failed: Mapping[int, int]
    broken: Mapping[bytes, int]
    received: int


class Lower(Protocol):
    """The mount of what is recorded; thread-safe."""

    def layer(self, version: int) -> bytes:
        """A directory that shows what the working tree's pointers and locks say now.

        Args:
            version: another number than the last time if they are others.

        Raises:
            VfsError: it cannot be mounted.
        """

    def ahead(
        self, wanted: Callable[[], Mapping[bytes, int | None]]
    ) -> AbstractContextManager[None]:
        """Files that are fetched ahead as long as the context lasts, nobody waiting for it.

        Args:
            wanted: which, in order, with how much will be read of each if that is known; called in another thread.
        """

    def handed(self) -> Handed:
        """What the mount gave so far. Raises VfsError: its daemon does not say."""

    def begin(self, run: str) -> None:
        """A run begins, of which there will be a report. Raises VfsError: its daemon does not answer."""

    def report(self, run: str, read: Mapping[bytes, int]) -> Mapping[str, Any]:
        """The report of a run that ends, and was begun under this name (`vfs.core.periods`).

        Args:
            run: its name.
            read: bytes read by path, as far as that is known.

        Raises:
            VfsError: its daemon does not say.
        """


class Views:
    """Of one command.

    Attributes:
        lower: the mount below them.
        keep: also the scratch of a stage that failed.
        passing: the tree they are of goes with them, and what is undeclared with it.
        impossible: why there can be none, once that is known.
    """

    def __init__(self, lower: Lower, *, keep: bool, passing: bool = False) -> None:
        self.lower = lower
        self.keep = keep
        self.passing = passing
        self.impossible: Unsupported | None = None
        self._ignoring: Ignoring | None = None
        self._told = threading.Lock()

    def ignoring(self, top: bytes) -> Ignoring:
        """What traces leave out in the working tree at `top`; read once. Raises ConfigError."""
        if self._ignoring is None:
            self._ignoring = Ignoring.of(top)
        return self._ignoring

    def tell(self) -> bool:
        """Whether nobody was told yet that there can be none."""
        return self._told.acquire(blocking=False)
