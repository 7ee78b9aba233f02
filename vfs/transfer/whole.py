"""`prove_whole`: all of a large blob compared with its digest, for who must know before going on."""

from collections.abc import Awaitable, Callable

import trio

from vfs.store import VERIFIED
from vfs.transfer.engine import Engine
from vfs.transfer.failures import refuse, stopping
from vfs.transfer.filling import fill
from vfs.transfer.proof import Proof
from vfs.transfer.state import BlobState, Level
from vfs.transfer.waiter import Waiter

Judge = Callable[[Engine, BlobState], Awaitable[None]]
"""`prove_whole` or `judge_read`."""


async def verify(engine: Engine, state: BlobState) -> None:
    """Until a blob is known to be what its digest names: at once if that was found, or if it is small or cannot be compared.

    Raises: as `prove_whole` does.
    """
    if state.whole or not state.provable:
        return
    if state.proof is not None or engine.editions.verdict(state.blob) != VERIFIED:
        await prove_whole(engine, state)


async def prove_whole(engine: Engine, state: BlobState) -> None:
    """Until all of a blob has been compared; what has not been and is missing is fetched, as often as it is lost before that.

    Rule: what is fetched follows on what was hashed, and stays in memory until it is, so each round comes further, whatever the store
    keeps. The caller counts itself among the blob's readers.

    Raises:
        ContentMismatch: it is wrong.
        VfsError: it cannot be had.
    """
    while True:
        if engine.verification is None:
            raise stopping()
        if await engine.verification.judged(state):
            return
        await fill(engine, state, proof=state.proof)
        await trio.lowlevel.checkpoint()


async def judge_read(engine: Engine, state: BlobState) -> None:
    """Before blocks go out with which readers have had all of a blob (`HandedOut.completes`): until the verdict.

    So who reads a file whole, in whatever order, does not end well if it is wrong, and waits for the last orders of the checker only.

    Raises:
        ContentMismatch: it is wrong.
        VfsError: what is coming did not come, or it cannot be compared.
    """
    if state.whole or not state.provable:
        return
    if state.arrived or engine.editions.verdict(state.blob) != VERIFIED:
        state.proof = state.proof or Proof(state.blob)  # nothing may be stored yet
    while engine.verification is not None and (proof := state.proof) is not None:
        if lacking := {block for block in proof.unseen() if state.comes(block)}:
            waiter = Waiter(lacking, keep=False)
            state.wait_for(waiter)
            try:
                await waiter.wait()
            finally:
                state.leave(waiter)
        elif not await engine.verification.judged(state):
            return


async def let_store(engine: Engine, state: BlobState, size: int) -> bool:
    """Before a reader asks for `size` bytes more of a blob: let what is hashed next be stored, if so much waits for it that more would push some out.

    So who reads in order never outruns the hashing, however long a thread is held up in the store; it is left behind in the end (`Watch`).
    What has come may also wait for the rest of its batch, which a place does not send: the caller has a deadline.

    Returns:
        Whether it had to wait: other blocks may be here.

    Raises:
        VfsError: the blob was found wrong meanwhile, a deadline has passed seconds ago for another read, or the end is near.
    """
    if not size or state.proof is None or engine.budget.allows(Level.AHEAD, size):
        return False
    if (first := state.proof.reach) not in state.arrived:
        return False
    refuse(state)
    waiter = Waiter({first}, keep=False)
    state.wait_for(waiter)
    try:
        with engine.accounting.wait(state.blob):
            await waiter.wait()
    finally:
        state.leave(waiter)
    return True


async def judged_within(seconds: float, judge: Judge, engine: Engine, state: BlobState) -> bool:
    """Whether a judgement comes within a deadline, which begins anew for `judge_read` if anything was hashed: reading all back may take long.

    Raises: as `judge` does.
    """
    while True:
        before = _hashed(state)
        with trio.move_on_after(seconds):
            await judge(engine, state)
            return True
        if judge is not judge_read or _hashed(state) <= before:
            return False


def _hashed(state: BlobState) -> int:
    return 0 if state.proof is None else state.proof.frontier
