"""Many small requests at once, in threads.

Rule: at most `jobs` requests are under way and at most a few more are queued, however long the list
of keys is. An error ends the run: what has not begun is cancelled and the first error is raised.
Each request belongs to the caller's context (`vfs.core.attempts`).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from vfs.errors import ObjectMissing, RemoteError
from vfs.remotes.base import Answer, ObjectInfo

T = TypeVar("T")


def in_threads(work: Callable[[str], T], keys: Sequence[str], jobs: int) -> Iterator[tuple[str, T]]:
    """`work` for every key, in order of completion."""
    waiting = iter(keys)
    pending: dict[Future[T], str] = {}
    with ThreadPoolExecutor(max(1, min(jobs, len(keys))), "vfs-bulk") as pool:
        try:
            while True:
                for key in waiting:
                    pending[pool.submit(copy_context().run, work, key)] = key
                    if len(pending) >= 2 * jobs:
                        break
                if not pending:
                    return
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield pending.pop(future), future.result()
        finally:
            for future in pending:
                future.cancel()


def heads_in_threads(
    head: Callable[[str], ObjectInfo], keys: Sequence[str], jobs: int
) -> Iterator[tuple[str, Answer]]:
    """`Remote.heads` made of `Remote.head`."""
    if len(keys) <= 1 or jobs <= 1:
        for key in keys:
            yield key, answer_of(head, key)
        return
    yield from in_threads(lambda key: answer_of(head, key), keys, jobs)


def answer_of(head: Callable[[str], ObjectInfo], key: str) -> Answer:
    """One answer of `Remote.heads`; raises what says nothing of the key."""
    try:
        return head(key)
    except ObjectMissing:
        return None
    except RemoteError as error:
        if error.retryable:
            raise
        return error
