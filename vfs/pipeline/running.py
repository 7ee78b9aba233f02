"""One stage at a time is run by one process: a lock of its own while its command runs, when DVC's lock is free for others."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from vfs.errors import RepositoryBusy, StoreError
from vfs.pipeline.clearing import scratch
from vfs.pipeline.nodes import Stage
from vfs.tracking.project import Project


@contextmanager
def claimed(project: Project, stage: Stage) -> Iterator[None]:
    """Hold the lock of a stage; the kernel gives it back however we end.

    Raises:
        RepositoryBusy: another process runs the stage.
        StoreError: the lock cannot be made.
    """
    path = scratch(project, stage) + b".lock"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StoreError(f"{os.fsdecode(path)}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise RepositoryBusy(
                    f"another process is running the stage {stage.address()!r}",
                    hint="wait for it to end",
                ) from None
            raise StoreError(f"{os.fsdecode(path)}: {error.strerror}") from error
        yield
    finally:
        os.close(descriptor)
