"""One stage at a time is run by one process: a lock of its own while its command runs, when DVC's lock is free for others.

Rule: the command inherits the lock, so that whatever of it goes on after an interruption (or a kill of ours) keeps others from running the stage. When a
command ends by itself, the lock is given back, whatever it left in the background (not that of a worker's tree: `leaving`).
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from vfs.errors import RepositoryBusy, StoreError
from vfs.pipeline.clearing import scratch
from vfs.pipeline.nodes import Stage
from vfs.pipeline.rwlock import marked
from vfs.tracking.project import Project
from vfs.waiting import wait_for

_LOOK: Final = 0.1  # seconds between two looks at a lock


@contextmanager
def claimed(project: Project, stage: Stage, wait: float) -> Iterator[tuple[int, ...]]:
    """Hold the lock of a stage, and mark what it reads and writes for DVC; gives the descriptors that its command is to inherit.

    Raises:
        RepositoryBusy: another process runs the stage, or uses what it uses, for longer than `wait` seconds.
        StoreError: the lock cannot be made.
    """
    with held(scratch(project, stage), wait) as ours:
        if not ours:
            raise RepositoryBusy(
                f"another process is running the stage {stage.address()!r}",
                hint="wait for it to end, or let `--wait SECONDS` do it; a command that was interrupted may go on",
            )
        directory = Path(os.fsdecode(project.absolute(project.root)), ".dvc", "tmp")
        top = os.path.realpath(project.top)
        reads, writes = (
            [os.fsdecode(os.path.join(top, path)) for path in paths]
            for paths in (stage.dep_paths, stage.out_paths)
        )
        command = f"{' '.join(sys.argv)} ({stage.address()})"
        with marked(directory, command, reads, writes, wait):
            yield ours


@contextmanager
def held(scratch: bytes, wait: float = 0.0, *, leaving: bool = False) -> Iterator[tuple[int, ...]]:
    """Hold the lock of a scratch directory; none if somebody else has it for longer than `wait` seconds. Its file is there as long as it is held.

    Args:
        scratch: the directory.
        wait: seconds.
        leaving: whoever inherited the lock keeps it, also if nothing was interrupted.

    Raises:
        StoreError: it cannot be made.
    """
    path = scratch + b".lock"
    descriptors: list[int] = []

    def take() -> bool:
        descriptors.extend(_locked(path))
        return bool(descriptors)

    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        wait_for(take, wait, _LOOK)
    except OSError as error:
        raise StoreError(f"{os.fsdecode(path)}: {error.strerror}") from error
    try:
        yield tuple(descriptors)
    except (KeyboardInterrupt, SystemExit):
        leaving = True
        raise
    finally:
        if leaving:
            while descriptors:  # others may have it still
                os.close(descriptors.pop())
            with suppress(OSError):
                descriptors.extend(_locked(path))
        for descriptor in descriptors:
            with suppress(OSError):
                os.unlink(path)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _locked(path: bytes) -> tuple[int, ...]:
    """The file, locked; none if somebody else has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return (descriptor,)
        except BlockingIOError:
            os.close(descriptor)
            return ()
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever had it removed the file in between
