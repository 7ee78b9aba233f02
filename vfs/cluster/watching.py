"""Whether anybody still waits for a task: if not, what runs of it is ended."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from vfs.pipeline.attending import Attending

_LOOK: Final = 0.5  # seconds between two looks whether anybody waits
_GRACE: Final = 10.0
"""Seconds for a command that was asked to end: nothing that it makes is recorded any more."""


@contextmanager
def watched(attending: Attending) -> Iterator[None]:
    """End what runs when the task is cancelled, or the worker ends; what does not end by SIGTERM is killed."""
    from distributed import Status, get_worker

    worker = get_worker()
    key = worker.get_current_task()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK):
            task = worker.state.tasks.get(key)
            gone = task is None or task.state in ("cancelled", "released", "forgotten")
            if gone or worker.status in (Status.closing, Status.closed, Status.failed):
                attending.end()
                if not over.wait(_GRACE):
                    attending.end(signal.SIGKILL)
                return

    thread = threading.Thread(target=watch, name="vfs-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
