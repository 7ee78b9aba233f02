"""One stage at a time is run by one process: a lock of its own while its command runs, when DVC's lock is free for others."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from vfs.errors import RepositoryBusy, StoreError
from vfs.pipeline.clearing import scratch
from vfs.pipeline.nodes import Stage
from vfs.tracking.project import Project
from vfs.waiting import wait_for

_LOOK: Final = 0.1  # seconds between two looks at a lock


@contextmanager
def claimed(project: Project, stage: Stage, wait: float) -> Iterator[None]:
    """Hold the lock of a stage; the kernel gives it back however we end.

    Raises:
        RepositoryBusy: another process runs the stage, for longer than `wait` seconds.
        StoreError: the lock cannot be made.
    """
    with held(scratch(project, stage), wait) as ours:
        if not ours:
            raise RepositoryBusy(
                f"another process is running the stage {stage.address()!r}",
                hint="wait for it to end, or let `--wait SECONDS` do it",
            )
        yield


@contextmanager
def held(scratch: bytes, wait: float = 0.0) -> Iterator[bool]:
    """Hold the lock of a scratch directory, if nobody else does for longer than `wait` seconds; its file is there as long as it is held.

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
        ours = wait_for(take, wait, _LOOK)
    except OSError as error:
        raise StoreError(f"{os.fsdecode(path)}: {error.strerror}") from error
    try:
        yield ours
    finally:
        for descriptor in descriptors:
            with suppress(OSError):
                os.unlink(path)
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
