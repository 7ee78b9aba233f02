"""`Verification`: keeps the proofs of large blobs going, one order to the checker's thread at a time per blob.

Rule: called on the loop whenever blocks of a blob have been stored; posts the next piece of work if there is one. The
first is to look which blocks an earlier process has left in the store.
"""

import functools
import logging
from collections.abc import Callable

from vfs.store import ChunkStore
from vfs.transfer.checker import Checker
from vfs.transfer.proving import prove, seen_blocks
from vfs.transfer.state import BlobState
from vfs.transfer.statistics import FetchCounters
from vfs.transfer.waiter import Data

log = logging.getLogger("vfs.transfer")


class Verification:
    """See the module.

    Args of the constructor:
        store, counters: of the fetcher.
        checker: the thread.
        at_hand: bytes of a block that are in memory.
        condemn: called when a blob is wrong; its blocks have been dropped from the store.
        acquit: called when a blob is right.
    """

    def __init__(
        self,
        store: ChunkStore,
        counters: FetchCounters,
        checker: Checker,
        at_hand: Callable[[BlobState, int], Data | None],
        condemn: Callable[[BlobState], None],
        acquit: Callable[[BlobState], None],
    ) -> None:
        self._store = store
        self._counters = counters
        self._checker = checker
        self._at_hand = at_hand
        self._condemn = condemn
        self._acquit = acquit

    def check(self, state: BlobState) -> None:
        """Post the next piece of work on a blob's proof, if there is one."""
        proof = state.proof
        if proof is None or proof.busy:
            return
        if not proof.scanned:
            proof.scanned = proof.busy = True
            self._checker.post(
                functools.partial(seen_blocks, self._store, state.prefix, state.blocks),
                functools.partial(self._scanned, state),
            )
            return
        run = proof.next_order()
        if run is not None:
            proof.busy = True
            memory = {block: data for block in run if (data := self._at_hand(state, block))}
            self._checker.post(
                functools.partial(prove, self._store, state.blob, proof, run, memory),
                functools.partial(self._proved, state),
            )

    def _scanned(self, state: BlobState, found: list[int] | Exception) -> None:
        assert state.proof is not None
        state.proof.busy = False
        if isinstance(found, Exception):
            log.warning("cannot look through the chunk store: %s", found)
        else:
            for block in found:
                state.proof.see(block)
        self.check(state)

    def _proved(self, state: BlobState, result: int | bool | Exception | None) -> None:
        """A piece was hashed: None; a block is gone: its number; all is done: whether the blob is right."""
        assert state.proof is not None
        state.proof.busy = False
        if isinstance(result, Exception):
            log.warning("cannot check %s: %s", state.blob.digest, result)
            state.proof = None
        elif result is True:
            self._counters.verified += 1
            state.proof = None
            self._acquit(state)
        elif result is False:
            self._counters.bad += 1
            self._condemn(state)
        elif result is not None:
            state.proof.unsee(result)
            self.check(state)
        else:
            self.check(state)
