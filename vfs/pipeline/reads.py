"""How much the command of a stage read: counted by the kernel for all of it, by the daemon of the lazy mount for what is not here.

Rule: of files that are here nobody counts the bytes one by one (docs/pipelines.md, "What a run touched"). What cannot be had is None.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from vfs.errors import VfsError
from vfs.pipeline.lower import Handed, Lower
from vfs.sandbox.trace import Touch, Trace


class Reads(NamedTuple):
    """Bytes.

    Attributes:
        read: by all processes of the command, with system calls, of whatever file.
        streamed: handed out by the lazy mount while it ran.
        fetched: brought by its daemon from remotes meanwhile.
    """

    read: int | None = None
    streamed: int | None = None
    fetched: int | None = None


class Counting:
    """What is read of a lazy mount from now on; stages that run beside this one count as well."""

    def __init__(self, lower: Lower | None) -> None:
        """`lower`: None if there is no such mount."""
        self._lower = lower
        self._before = self._handed()
        self._given: Mapping[int, int] = {}
        self.failed = 0  # reads of the mount that failed

    def end(self, read: int | None) -> Reads:
        """The command has ended; `read` is what the kernel counted."""
        if self._lower is None:
            return Reads(read, 0, 0)
        before, after = self._before, self._handed()
        if before is None or after is None:
            return Reads(read)
        found = {i: size - before.by_inode.get(i, 0) for i, size in after.by_inode.items()}
        self.failed = after.failed - before.failed
        self._given = {inode: size for inode, size in found.items() if size}
        return Reads(read, sum(self._given.values()), after.received - before.received)

    def by_path(self, trace: Trace, top: bytes, mount: bytes) -> Trace:
        """The trace with what was read of those of its files that the mount shows."""
        if not self._given:
            return trace
        read: dict[bytes, int] = {}
        for path in trace.of(Touch.OPENED):
            if not os.path.lexists(os.path.join(top, path)):
                with suppress(OSError):  # hidden, or gone
                    read[path] = self._given.get(os.lstat(os.path.join(mount, path)).st_ino, 0)
        return replace(trace, read=read)

    def _handed(self) -> Handed | None:
        if self._lower is not None:
            with suppress(VfsError):
                return self._lower.handed()
        return None
