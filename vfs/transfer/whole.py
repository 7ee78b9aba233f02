"""`prove_whole`: all of a large blob compared with its digest, for who must know before going on."""

from typing import Final

import trio

from vfs.store import VERIFIED
from vfs.transfer.engine import Engine
from vfs.transfer.failures import stopping
from vfs.transfer.filling import fill
from vfs.transfer.proof import Proof
from vfs.transfer.state import BlobState, Level
from vfs.transfer.waiter import Waiter

_OVERTAKEN: Final = 32
"""Blocks before the last one that the kernel may yet ask for (8 MiB): as many as were met with at the read-ahead that vfs sets."""


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
    """Before the last block of a blob goes out: until the verdict, if all of it has come, or readers wait for it; at once if it was read in part.

    So who reads a file to its end does not end well if it is wrong, and waits for the last orders of the checker only. The kernel's
    requests overtake each other: the last block may be asked for while some before it are still read ahead.

    Raises:
        ContentMismatch: it is wrong.
        VfsError: what is coming did not come, or it cannot be compared.
    """
    if state.whole or not state.provable:
        return
    if state.arrived:  # and nothing may be stored yet
        state.proof = state.proof or Proof(state.blob)
    while engine.verification is not None and (proof := state.proof) is not None:
        if not _is_read_whole(state, proof):
            return
        if lacking := set(proof.unseen()):
            waiter = Waiter(lacking, keep=False)
            state.wait_for(waiter)
            try:
                await waiter.wait()
            finally:
                state.leave(waiter)
        elif not await engine.verification.judged(state):
            return


def _is_read_whole(state: BlobState, proof: Proof) -> bool:
    """Whether all of it has come, is waited for by readers, or is about to be: a few blocks that are read ahead of one."""
    overtaken = 0
    for block in proof.unseen():
        if block in state.arrived or state.demanded(range(block, block + 1)):
            continue
        owner = state.owners.get(block)
        overtaken += 1
        if owner is None or owner.level is Level.WARM or overtaken > _OVERTAKEN:
            return False
    return True
