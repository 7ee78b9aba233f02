"""The mount that private views of one `vfs run` or `vfs repro` share: the working tree's pointers, outside of the working tree."""

import contextlib
import os
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vfs.errors import VfsError
from vfs_cli.progress import Progress

if TYPE_CHECKING:
    from vfs.control.registry import MountRecord

_PREFIX = "vfs-run-"


class LazyMount:
    """Made when it is first needed, gone at the end of the block (`vfs.pipeline.private.Lower`)."""

    def __init__(self, repo: str, progress: Progress) -> None:
        """`repo`: the working tree."""
        self._repo = repo
        self._progress = progress
        self._stack = contextlib.ExitStack()
        self._guard = threading.Lock()
        self._record: MountRecord | None = None
        self._shown = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def layer(self, version: int) -> bytes:
        """As `vfs.pipeline.private.Lower.layer`."""
        with self._guard:
            if self._record is None:
                self._record = self._mount()
            elif version != self._shown:
                from vfs.control.client import call

                call(self._record, "switch", {"rev": "worktree"}, self._progress.data)
            self._shown = version
            return os.fsencode(self._record.mountpoint)

    def _mount(self) -> "MountRecord":
        from vfs.config import runtime_dir
        from vfs.daemon.start import held_mount

        where = runtime_dir().parent
        _sweep(where)
        point = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=where)
        self._stack.callback(_remove, Path(point))
        return self._stack.enter_context(
            held_mount(self._repo, "worktree", Path(point), self._progress.data)
        )


def _sweep(directory: Path) -> None:
    """Take down what commands left that were killed together with their daemons."""
    from vfs.control.mountinfo import Life, is_mounted, look
    from vfs.control.unmount import unmount

    for point in directory.glob(f"{_PREFIX}*-*"):
        if is_mounted(point):
            if look(point) is not Life.DEAD:
                continue
            with contextlib.suppress(VfsError):
                unmount(point, lazy=True)
        if not Path("/proc", point.name.split("-")[2]).exists():
            _remove(point)


def _remove(point: Path) -> None:
    with contextlib.suppress(OSError):
        point.rmdir()
