"""Many pieces of work in threads: one that fails does not stop the others.

Rule: what concerns everything (a full disk, refused credentials, a remote that failed `PATIENCE` times in a row for each
thread) ends the run and is raised; what concerns one piece is returned with it.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar

from vfs.errors import (
    AccessDenied,
    ConfigError,
    ContentMismatch,
    ObjectChanged,
    ObjectMissing,
    RemoteError,
    StoreError,
    Unsupported,
    VfsError,
)
from vfs.processes import COUNT, Processes

T = TypeVar("T")
MANY: Final = 512
"""Small pieces that are worth the start of processes."""
_PORTION: Final = 256
PATIENCE: Final = 3
"""Pieces in a row, for each thread, that a remote which is down may cost."""
_TICK: Final = 0.1
_LEAVE: Final = 10.0  # seconds that an interrupted run waits for what is under way
_SINGLE = (ObjectMissing, ObjectChanged, ContentMismatch)
_FATAL = (StoreError, AccessDenied, ConfigError, Unsupported)


class Failed(NamedTuple, Generic[T]):
    """A piece of work that failed, and why."""

    item: T
    error: VfsError


def each(
    items: Iterable[T],
    work: Callable[[T], object],
    jobs: int,
    tick: Callable[[], object] = lambda: None,
) -> list[Failed[T]]:
    """Do `work` for every item, `jobs` at a time.

    Args:
        items: taken one by one as threads become free.
        work: called in a thread.
        jobs: threads.
        tick: called in the caller's thread ten times a second, and at the end.

    Raises:
        VfsError: what ended the run.
    """
    run = _Run(iter(items), work, PATIENCE * jobs)
    threads = [threading.Thread(target=run.work, daemon=True) for _ in range(jobs)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(_TICK)
                tick()
    finally:
        run.stopped = True
        for thread in threads:
            thread.join(_LEAVE)
    tick()
    if run.fatal is not None:
        raise run.fatal
    return run.failed


def each_told(
    items: Collection[T],
    work: Callable[[T], object],
    jobs: int,
    progress: Callable[[str, int, int | None], object],
    stage: str,
) -> list[Failed[T]]:
    """As `each`; `progress` is told (stage, how many were tried, of how many)."""
    tried: list[None] = []

    def one(item: T) -> None:
        try:
            work(item)
        finally:
            tried.append(None)

    return each(items, one, jobs, lambda: progress(stage, len(tried), len(items)))


def in_processes(
    items: Sequence[T],
    work: Callable[[Processes, Sequence[T]], object],
    tick: Callable[[], object] = lambda: None,
) -> None:
    """Let processes do many small pieces of work, in portions.

    Neighbours, which often lie in one directory, go to one process: two that make files in one directory wait for its lock.

    Args:
        items: of which each takes less than a millisecond.
        work: called with a portion in a thread, to `call` what does it.
        tick: as `each`.

    Raises:
        VfsError: what `work` raised.
    """
    portions = [items[start : start + _PORTION] for start in range(0, len(items), _PORTION)]
    distance = -(-len(portions) // COUNT)
    apart = [portion for first in range(distance) for portion in portions[first::distance]]
    with Processes() as processes:
        for _, error in each(apart, partial(work, processes), COUNT, tick):
            raise error


class _Run(Generic[T]):
    def __init__(self, items: Iterator[T], work: Callable[[T], object], patience: int) -> None:
        self.failed: list[Failed[T]] = []
        self.fatal: BaseException | None = None
        self.stopped = False
        self._items = items
        self._work = work
        self._patience = patience
        self._silent = 0
        self._guard = threading.Lock()

    def work(self) -> None:
        """One thread."""
        while True:
            try:
                with self._guard:
                    if self.stopped:
                        return
                    item = next(self._items)
            except StopIteration:
                return
            except BaseException as error:  # noqa: BLE001 - raised by `each`
                self._end(error)
                return
            try:
                self._work(item)
                self._silent = 0
            except VfsError as error:
                self._note(item, error)
            except BaseException as error:  # noqa: BLE001 - raised by `each`
                self._end(error)

    def _note(self, item: T, error: VfsError) -> None:
        with self._guard:
            self.failed.append(Failed(item, error))
            ill = isinstance(error, RemoteError) and not isinstance(error, _SINGLE)
            self._silent = self._silent + 1 if ill else 0
            silent = self._silent >= self._patience
        if silent or isinstance(error, _FATAL):
            self._end(error)

    def _end(self, error: BaseException) -> None:
        with self._guard:
            self.fatal = self.fatal or error
            self.stopped = True
