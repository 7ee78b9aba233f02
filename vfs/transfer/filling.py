"""`fill`: all blocks of one blob into the store, at the lowest rank or as read-ahead.

Rule: of a large blob, two stretches of 32 MiB at most are wanted at a time, so a blob of any size costs little memory.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from vfs.core.gets import stretches
from vfs.core.ranges import block_length, run_length
from vfs.errors import ContentMismatch, VfsError
from vfs.store import Taken
from vfs.transfer.blocks import locate_run
from vfs.transfer.engine import Engine
from vfs.transfer.proof import Proof
from vfs.transfer.state import BlobState, Level
from vfs.transfer.waiter import Waiter


class _Stretch(NamedTuple):
    """Blocks of a blob that were asked for: the first, who waits, bytes in all, and bytes that were missing."""

    first: int
    waiter: Waiter
    size: int
    missing: int


async def fill(
    engine: Engine,
    state: BlobState,
    done: Callable[[int, int], None] = lambda size, missing: None,
    *,
    proof: Proof | None = None,
    kept: set[int] | None = None,
    level: Level = Level.WARM,
) -> Taken:
    """Bring what is missing of a blob; cancelling withdraws what was asked for, unless somebody else waits for it.

    Args:
        engine: that fetches.
        state: the blob; the caller counts itself among its readers.
        done: told of each stretch that has come: its bytes, and how many of them the store lacked and took.
        proof: that wants the blocks: only those it has neither ordered nor holds; it is told what is in the store or in memory.
        kept: the first blocks of stretches that the store took already, which are not asked for again, evicted or not; further ones are added.
        level: the rank it is asked for at.

    Returns:
        Whether the store took all of it; else whether it took nothing, or was only busy.

    Raises:
        VfsError: it cannot be had.
    """
    waiting: deque[_Stretch] = deque()
    stored = Taken.YES

    async def finish() -> None:
        nonlocal stored
        first, waiter, size, missing = waiting[0]
        await waiter.wait()
        waiting.popleft()
        stored &= waiter.taken
        if waiter.taken and kept is not None:
            kept.add(first)
        done(size, missing if waiter.taken else 0)

    if state.unsettled and not state.suspect:
        await _settle(engine, state, done, level)
    try:
        for run in stretches(state.blocks, proof.ordered if proof else 0):
            if kept and run.start in kept:
                continue
            waiting.append(_ask(engine, state, run, proof, level))
            if len(waiting) > 1:
                await finish()
        while waiting:
            await finish()
        return stored
    finally:
        for _, waiter, _, _ in waiting:
            state.leave(waiter)
            engine.withdraw(state, sorted(waiter.pending), level)


async def _settle(
    engine: Engine, state: BlobState, done: Callable[[int, int], None], level: Level
) -> None:
    """Fetch the first block that is not proven, which tells whether what an earlier process has left may be used."""
    for run in stretches(state.blocks):
        first = run.start
        extents = locate_run(engine.store, state.keys, first, len(run))
        if None in extents:
            break
    else:
        return
    block = first + extents.index(None)
    _, waiter, _, missing = _ask(engine, state, range(block, block + 1), None, level)
    try:
        await waiter.wait()
        done(0, missing if waiter.taken else 0)
    except ContentMismatch:
        raise
    except VfsError:
        if not (left := state.left()):
            raise
        state.answered(left)
    finally:
        state.leave(waiter)
        engine.withdraw(state, sorted(waiter.pending), level)


def _ask(
    engine: Engine, state: BlobState, run: range, proof: Proof | None, level: Level
) -> _Stretch:
    extents = locate_run(engine.store, state.keys, run.start, len(run))
    missing = {b for b, extent in zip(run, extents, strict=True) if extent is None}
    if proof is not None:
        here = {b for b in missing if engine.memory.peek(state.prefix, b)}
        missing = {b for b in missing - here if b >= proof.reach}
        for block in set(run) - missing:
            proof.found(block)
    waiter = Waiter(set(missing), keep=False)
    state.wait_for(waiter)
    if missing:
        engine.request(state, sorted(missing), level)
    size = state.blob.size
    lacking = sum(block_length(size, block) for block in missing)
    return _Stretch(run.start, waiter, run_length(size, run), lacking)
