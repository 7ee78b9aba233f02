"""The mount that private views of one `vfs run` or `vfs repro` share: the working tree's pointers, outside of the working tree."""

import contextlib
import os
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vfs.config import runtime_dir
from vfs.errors import VfsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from vfs.control.registry import MountRecord
    from vfs.daemon.ahead import Wanted
    from vfs.daemon.start import OnProgress
    from vfs.pipeline.lower import Handed

_PREFIX = "vfs-run-"
_ENDING = 10.0
"""Seconds for a daemon whose command was killed."""


class LazyMount:
    """Made when it is first needed, gone at the end of the block (`vfs.pipeline.lower.Lower`)."""

    def __init__(self, repo: str, progress: "OnProgress") -> None:
        """`repo`: the working tree; `progress`: told of long work."""
        self._repo = repo
        self._progress = progress
        self._stack = contextlib.ExitStack()
        self._guard = threading.Lock()
        self._record: MountRecord | None = None
        self._shown = 0
        self._where = runtime_dir().parent

    def __enter__(self) -> Self:
        _sweep(self._where)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def layer(self, version: int) -> bytes:
        """As `vfs.pipeline.lower.Lower.layer`."""
        with self._guard:
            if self._record is None:
                self._record = self._mount()
            elif version != self._shown:
                from vfs.control.client import call

                call(self._record, "switch", {"rev": "worktree"}, self._progress)
            self._shown = version
            return os.fsencode(self._record.mountpoint)

    @contextlib.contextmanager
    def ahead(self, wanted: "Callable[[], Wanted]") -> "Iterator[None]":
        """As `vfs.pipeline.lower.Lower.ahead`."""
        from vfs.daemon.ahead import Ahead

        assert self._record is not None
        ahead = Ahead(self._record, wanted)
        try:
            yield
        finally:
            ahead.stop()

    def handed(self) -> "Handed":
        """As `vfs.pipeline.lower.Lower.handed`."""
        from vfs.control.client import call
        from vfs.pipeline.lower import Handed

        assert self._record is not None
        said = call(self._record, "handed")
        by_inode = {int(inode): size for inode, size in said["by_inode"].items()}
        failed = {int(inode): reads for inode, reads in said["failed"].items()}
        broken = {os.fsencode(path): times for path, times in said["broken"].items()}
        return Handed(by_inode, failed, broken, said["received"])

    def begin(self, run: str) -> None:
        """As `vfs.pipeline.lower.Lower.begin`."""
        from vfs.control.client import call

        assert self._record is not None
        call(self._record, "run", {"open": run})

    def report(self, run: str, read: "Mapping[bytes, int]") -> "Mapping[str, Any]":
        """As `vfs.pipeline.lower.Lower.report`."""
        from vfs.control.client import call
        from vfs.control.protocol import path_fields
        from vfs.core.periods import with_read

        assert self._record is not None
        return with_read(call(self._record, "run", {"close": run}), read, path_fields)

    def _mount(self) -> "MountRecord":
        from vfs.daemon.start import held_mount

        point = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=self._where)
        self._stack.callback(_remove, Path(point))
        return self._stack.enter_context(
            held_mount(self._repo, "worktree", Path(point), self._progress)
        )


def _sweep(directory: Path) -> None:
    """Take down what commands left that were killed, and their daemons perhaps with them."""
    for point in directory.glob(f"{_PREFIX}*-*"):
        if not Path("/proc", point.name.split("-")[2]).exists():
            with contextlib.suppress(VfsError):
                _take_down(point)
            _remove(point)


def _take_down(point: Path) -> None:
    from vfs.control.mountinfo import Life, is_mounted, look, wait_until_unmounted
    from vfs.control.unmount import unmount

    if is_mounted(point) and look(point) is Life.ALIVE:
        wait_until_unmounted(point, _ENDING)  # its daemon ends with the command
    if is_mounted(point):
        unmount(point, lazy=True)


def _remove(point: Path) -> None:
    with contextlib.suppress(OSError):
        point.rmdir()
