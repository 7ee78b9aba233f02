"""How much the command of a stage read: counted by the kernel for all of it, by the daemon of the lazy mount for what is not here.

Rule: of files that are here nobody counts the bytes one by one (docs/pipelines.md, "What a run touched"). What cannot be had is None.
"""

import os
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from vfs.core.paths import show
from vfs.errors import StageFailed, VfsError
from vfs.pipeline.lower import Handed, Lower
from vfs.pipeline.nodes import Stage
from vfs.sandbox.trace import Touch, Trace
from vfs.tracking.project import is_inside

_Key = TypeVar("_Key", int, bytes)

Report = Mapping[str, Any]
"""What the lazy mount did while a command ran (`vfs.core.periods`)."""


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
        self._name = secrets.token_hex(8)
        self._begun = self._begin()
        self._before = self._handed()
        self._given: Mapping[int, int] = {}
        self._failed: frozenset[int] = frozenset()
        self._broken: list[bytes] = []
        self._silent = False  # its daemon does not say what it gave: it may have ended

    def end(self, read: int | None) -> Reads:
        """The command has ended; `read` is what the kernel counted."""
        if self._lower is None:
            return Reads(read, 0, 0)
        before, after = self._before, self._handed()
        if before is None or after is None:
            self._silent = True
            return Reads(read)
        found = {i: size - before.by_inode.get(i, 0) for i, size in after.by_inode.items()}
        self._given = {inode: size for inode, size in found.items() if size}
        self._failed = frozenset(_more(before.failed, after.failed))
        self._broken = _more(before.broken, after.broken)
        return Reads(read, sum(self._given.values()), after.received - before.received)

    def report(self, stage: Stage, trace: Trace | None) -> Report | None:
        """The report of what is counted, at its end; None if there is no mount, or its daemon does not say."""
        if self._lower is not None and self._begun:
            with suppress(VfsError):
                found = self._lower.report(self._name, {} if trace is None else trace.read)
                return {**found, "name": stage.address()}
        return None

    def _begin(self) -> bool:
        if self._lower is not None:
            with suppress(VfsError):
                self._lower.begin(self._name)
                return True
        return False

    def by_path(self, trace: Trace, top: bytes, mount: bytes) -> Trace:
        """The trace with what was read of those of its files that the mount shows."""
        if not self._given:
            return trace
        inodes = _inodes(trace, top, mount)
        return replace(trace, read={path: self._given.get(i, 0) for path, i in inodes.items()})

    def unread(
        self, trace: Trace | None, deps: Collection[bytes], top: bytes, mount: bytes
    ) -> list[bytes]:
        """What the command wanted and the mount could not give it: files it opened, and what it looked for of its deps.

        `b""` stands for files that could not even be opened, and for all if the daemon cannot say. Of stages that run side by side each has those of all.
        """
        if self._silent:
            return [b""]
        found = {path for path in self._broken if any(_meet(path, dep) for dep in deps)}
        if self._failed:
            inodes = {} if trace is None else _inodes(trace, top, mount)
            found.update(path for path, inode in inodes.items() if inode in self._failed)
            found.update([] if self._failed <= set(inodes.values()) else [b""])
        return sorted(found)

    def _handed(self) -> Handed | None:
        if self._lower is not None:
            with suppress(VfsError):
                return self._lower.handed()
        return None


def _meet(one: bytes, other: bytes) -> bool:
    """Whether a path is another one, in it, or has it in it."""
    return is_inside(one, other) or is_inside(other, one)


def _more(before: Mapping[_Key, int], after: Mapping[_Key, int]) -> list[_Key]:
    return [key for key, times in after.items() if times > before.get(key, 0)]


def not_given(stage: Stage, paths: Sequence[bytes]) -> StageFailed:
    """A command ended well although it could not read what it opened: what it made is not made of that."""
    named = [show(path) if path else "a file that is not here" for path in paths[:3]]
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return StageFailed(
        f"stage {stage.address()!r} wanted to read {', '.join(named)}{more}, which nobody could give it; nothing was recorded",
        hint="no place that has it answered well: vfs fetch says which, and why",
    )


def _inodes(trace: Trace, top: bytes, mount: bytes) -> dict[bytes, int]:
    """The files that were opened and are not in the working tree, with their inodes in the mount."""
    inodes = {}
    for path in trace.of(Touch.OPENED):
        if not os.path.lexists(os.path.join(top, path)):
            with suppress(OSError):  # hidden, or gone
                inodes[path] = os.lstat(os.path.join(mount, path)).st_ino
    return inodes
