"""`Verification`: keeps the proofs of large blobs going, one order to the checker's thread at a time per blob.

Rule: called on the loop whenever blocks of a blob have been stored; posts the next piece of work if there is one. The
first is to look which blocks an earlier process has left in the store.
"""

import functools
import logging
from collections.abc import Callable

from vfs.store import ChunkStore
from vfs.transfer.checker import Checker
from vfs.transfer.local_file import FileProof, LocalFile
from vfs.transfer.proof import Proof
from vfs.transfer.proving import left_whole, prove, seen_blocks
from vfs.transfer.state import VERDICT, BlobState
from vfs.transfer.statistics import FetchCounters
from vfs.transfer.waiter import Data, Waiter
from vfs.types import Blob

log = logging.getLogger("vfs.transfer")


class Verification:
    """See the module.

    Args of the constructor:
        store, counters: of the fetcher.
        checker: the thread.
        at_hand: bytes of a block that are in memory.
        condemn: called when a blob is wrong; its blocks have been dropped from the store.
        on_bad: called when a blob or a local file is wrong.
    """

    def __init__(
        self,
        store: ChunkStore,
        counters: FetchCounters,
        checker: Checker,
        at_hand: Callable[[BlobState, int], Data | None],
        condemn: Callable[[BlobState], None],
        on_bad: Callable[[Blob], None],
    ) -> None:
        self._store = store
        self._counters = counters
        self._checker = checker
        self._at_hand = at_hand
        self._condemn = condemn
        self._on_bad = on_bad

    def check(self, state: BlobState) -> None:
        """Post the next piece of work on a blob's proof, if there is one."""
        proof = state.proof
        if proof is None or proof.busy:
            return
        if not proof.scanned:
            proof.scanned = proof.busy = True
            self._checker.post(
                functools.partial(seen_blocks, self._store, state.prefix, range(state.blocks)),
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

    async def judged(self, state: BlobState) -> None:
        """Until all of a blob, which is in the store, has been compared with its digest; raises if it is wrong."""
        waiter = Waiter({VERDICT}, keep=False)
        state.storing.setdefault(VERDICT, []).append(waiter)
        try:
            state.proof = state.proof or Proof(state.blob)
            self.check(state)
            await waiter.wait()
        finally:
            state.leave(waiter)

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
            state.suspect = False
            state.settle(VERDICT, taken=True)
        elif result is False:
            self._counters.bad += 1
            self._condemn(state)
            self._tell_bad(state.blob)
        elif result is not None:
            state.proof.unsee(result)
            self.check(state)
        else:
            self.check(state)

    # -- what an earlier process left ----------------------------------------------------------------

    def examine(self, blob: Blob, state_of: Callable[[], BlobState]) -> None:
        """Check a blob if the whole of it lies in the store."""
        self._checker.post(
            functools.partial(left_whole, self._store, blob),
            functools.partial(self._examined, state_of),
        )

    def _examined(self, state_of: Callable[[], BlobState], found: Proof | Exception | None) -> None:
        if isinstance(found, Proof):
            state = state_of()
            if state.proof is None:
                state.proof = found
                self.check(state)

    # -- local files ---------------------------------------------------------------------------------

    def check_file(self, file: LocalFile) -> None:
        """Check a local file, unless that is under way."""
        if not file.checking:
            file.checking = True
            self._hash(FileProof(self._store, file))

    def _hash(self, proof: FileProof) -> None:
        self._checker.post(proof.step, functools.partial(self._hashed, proof))

    def _hashed(self, proof: FileProof, result: bool | Exception | None) -> None:
        if result is None:
            self._hash(proof)
            return
        proof.file.checking = False
        digest = proof.file.blob.digest
        if isinstance(result, Exception):
            log.warning("cannot check the local file of %s: %s", digest, result)
        elif not result:
            log.warning("a local file is not the %s it is named; reading from elsewhere", digest)
            self._counters.bad += 1
            self._tell_bad(proof.file.blob)

    def _tell_bad(self, blob: Blob) -> None:
        try:
            self._on_bad(blob)
        except Exception:
            log.exception("cannot tell that %s is wrong (this is a bug)", blob.digest)
