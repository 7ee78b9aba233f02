"""Worker threads in pools, so that work which hangs cannot take the threads of work which does not.

Rule: the only place that says how many threads do what (`docs/concurrency.md`, "Worker threads"); trio's default limiter, which all would
share, is not used. A pool belongs to one `trio.run`.
"""

import math
from collections.abc import Callable
from enum import Enum
from typing import Final, TypeVar

import trio

T = TypeVar("T")


class Pool(Enum):
    """What threads are for."""

    DISK = "the chunk store"
    LOCAL = "plain local files, which may lie on a network"
    LOOK = "revisions and the working tree, in local Git"
    BUILD = "snapshots that requests of the kernel ask for"
    REMOTE = "what clients and background tasks ask of remotes"
    KERNEL = "notifications of the kernel, unmounting"
    CONTROL = "figures, records, maintenance"


THREADS: Final = {
    Pool.DISK: 32,
    Pool.LOCAL: 32,
    Pool.LOOK: 8,
    Pool.BUILD: 8,
    Pool.REMOTE: math.inf,  # bounded by the clients of the control socket
    Pool.KERNEL: 4,
    Pool.CONTROL: 4,
}

_LIMITERS: Final = trio.lowlevel.RunVar[dict[Pool, trio.CapacityLimiter]]("vfs.threads")


async def run_in(pool: Pool, function: Callable[..., T], *args: object, abandon: bool = False) -> T:
    """Call a blocking function in a thread of a pool.

    Args:
        pool: what it may wait for.
        function: what to call.
        *args: what with.
        abandon: cancelling leaves the thread behind (it keeps its slot); otherwise it is waited for.
    """
    return await trio.to_thread.run_sync(
        function, *args, limiter=_limiter(pool), abandon_on_cancel=abandon
    )


async def run_within(seconds: float, pool: Pool, function: Callable[..., T], *args: object) -> T:
    """As `run_in`, but the function may take so long at most, from when a thread is free; one that hangs stays behind without a slot.

    Raises:
        trio.TooSlowError: it took longer.
    """
    async with _limiter(pool):
        with trio.fail_after(seconds):
            return await trio.to_thread.run_sync(
                function, *args, limiter=_limiter(Pool.REMOTE), abandon_on_cancel=True
            )


def _limiter(pool: Pool) -> trio.CapacityLimiter:
    try:
        limiters = _LIMITERS.get()
    except LookupError:
        limiters = {pool: trio.CapacityLimiter(threads) for pool, threads in THREADS.items()}
        _LIMITERS.set(limiters)
    return limiters[pool]
