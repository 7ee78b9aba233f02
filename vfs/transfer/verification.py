"""`Verification`: keeps the proofs of large blobs going, one order to the checker's thread at a time per blob.

Rules: told on the loop of every block that has come; posts the next piece of work if there is one. What the store may lose before it
is hashed is hashed from memory: blocks that follow on the hashed part stay there and count in the byte budget (`Budget.owed`) until that
is done; blocks behind a gap wait in `Memory` while the gap is being fetched. All else is read back from the store.
"""

import functools
import logging
from collections.abc import Callable

from vfs.errors import DataUnavailable
from vfs.store import UNPROVEN, ChunkStore, Taken
from vfs.transfer.blocks import EDITION_SIZE, Keys, place_name
from vfs.transfer.checker import Checker
from vfs.transfer.failures import unforeseen
from vfs.transfer.lanes import Budget
from vfs.transfer.local_file import FileProof, LocalFile
from vfs.transfer.memory import Memory
from vfs.transfer.proof import Proof
from vfs.transfer.proving import DOUBTFUL, condemn, left_blocks, left_whole, prove
from vfs.transfer.state import VERDICT, BlobState
from vfs.transfer.statistics import FetchCounters
from vfs.transfer.waiter import Data, Waiter
from vfs.types import Blob

log = logging.getLogger("vfs.transfer")


class Verification:
    """See the module.

    Args of the constructor:
        store, counters, budget, memory: of the fetcher.
        checker: the thread.
        condemn: called when a blob is wrong; its blocks are about to be dropped from the store.
        on_bad: called when a blob or a local file is wrong, or what was handed out may be.
        freed: called when the budget has got something back.
    """

    def __init__(
        self,
        store: ChunkStore,
        counters: FetchCounters,
        budget: Budget,
        memory: Memory,
        checker: Checker,
        *,
        condemn: Callable[[BlobState], None],
        on_bad: Callable[[Blob], None],
        freed: Callable[[], None],
    ) -> None:
        self._store = store
        self._counters = counters
        self._budget = budget
        self._memory = memory
        self._checker = checker
        self._condemn = condemn
        self._on_bad = on_bad
        self._freed = freed

    # -- what comes ----------------------------------------------------------------------------------

    def saw(self, state: BlobState, block: int, data: Data, *, lasting: bool) -> None:
        """A block has come, so the whole must be checked, again if it was before; `check` is to be called then.

        Args:
            state: its blob.
            block: which one.
            data: its bytes.
            lasting: the store will have it for as long as that takes.
        """
        if state.whole or not state.provable:
            return
        proof = state.proof = state.proof or Proof(state.blob)
        proof.see(block)
        proof.hurried |= not lasting
        reach = proof.reach
        if lasting:
            return
        if proof.busy and block < proof.ordered:
            # it was found in the store, and may be gone from there before it is hashed
            self._memory.put_unhashed(state.prefix, block, data)
        elif block == reach or (block > reach and state.comes(reach)):
            self._memory.put_unhashed(state.prefix, block, data)
            self._hold(state, proof)

    def check(self, state: BlobState) -> None:
        """Post the next piece of work on a blob's proof, if there is one; tell who waits for the verdict if a block is missing."""
        proof = state.proof
        if proof is None:
            return
        if proof.busy:
            if proof.late:
                self._checker.hurry()
            return
        self._hold(state, proof)
        run, keys = proof.next_order(), proof.keys or state.keys
        awaited = VERDICT in state.storing
        urgent = awaited or proof.hurried
        if run is not None:
            held = proof.order(run)
            owed = sum(map(len, held.values()))
            memory = {block: data for block in run if (data := self._at_hand(state, held, block))}
            self._checker.post(
                functools.partial(prove, self._store, state.blob, keys, proof, run, memory),
                functools.partial(self._proved, state, proof, owed, run),
                urgent=urgent or proof.late,
                failed=functools.partial(self._failed, state),
            )
        elif not (proof.scanned or proof.scanning):
            proof.scanning = True
            self._checker.post(
                functools.partial(left_blocks, self._store, keys, proof.frontier),
                functools.partial(self._scanned, state, proof),
                urgent=urgent,
                failed=functools.partial(self._failed, state),
            )
        elif awaited and not proof.scanning:
            state.settle(VERDICT, Taken.LATER)

    def settled(self, state: BlobState) -> None:
        """Nothing more of a blob is being fetched: no gap will close."""
        self._memory.forget_unhashed(state.prefix)

    def drop(self, state: BlobState) -> None:
        """Forget how far a proof has come."""
        proof, state.proof = state.proof, None
        if proof is not None:
            self._budget.owed -= sum(map(len, proof.let_go().values()))
        self._memory.forget_unhashed(state.prefix)

    def keep_to(self, state: BlobState) -> None:
        """A place has answered: blocks of other editions, which are being compared because nobody had, are of no interest."""
        keys = state.proof.keys if state.proof is not None else None
        if keys is not None and not set(keys.editions) <= set(state.keys.editions):
            self.drop(state)

    def remember(self, state: BlobState, where: str) -> None:
        """Note the edition that a place has, for when no place answers."""
        edition = state.editions[where][-EDITION_SIZE:]
        order = functools.partial(self._store.remember, state.prefix, place_name(where), edition)
        self._checker.post(order, lambda _: None, urgent=True)

    def retract(self, state: BlobState) -> bool:
        """What was handed out of a blob may be wrong: nobody keeps it, here or in the kernel; returns whether there was any."""
        self.drop(state)
        self._memory.forget(state.prefix)
        out = state.retract()
        if out:
            self.tell_bad(state.blob)
        return out

    async def judged(self, state: BlobState) -> bool:
        """Until all of a blob has been compared with its digest (True), or a block of it is missing (False).

        Raises:
            ContentMismatch: it is wrong.
            VfsError: it cannot be compared.
        """
        waiter = Waiter({VERDICT}, keep=False)
        state.storing.setdefault(VERDICT, []).append(waiter)
        try:
            state.proof = state.proof or Proof(state.blob)
            self.check(state)
            self._checker.hurry()
            await waiter.wait()
            return bool(waiter.taken)
        finally:
            state.leave(waiter)

    # -- memory --------------------------------------------------------------------------------------

    def _hold(self, state: BlobState, proof: Proof) -> None:
        """Keep what follows on the hashed part until it is hashed."""
        while (data := self._memory.take_unhashed(state.prefix, proof.reach)) is not None:
            proof.hold(data)
            self._budget.owed += len(data)

    def _at_hand(self, state: BlobState, held: dict[int, Data], block: int) -> Data | None:
        return held.get(block) or self._memory.peek(state.prefix, block)

    # -- results -------------------------------------------------------------------------------------

    def _scanned(self, state: BlobState, proof: Proof, found: list[int] | Exception) -> None:
        proof.scanning, proof.scanned = False, True
        if isinstance(found, Exception):
            log.warning("cannot look through the chunk store: %s", found)
        else:
            for block in found:
                proof.found(block)
        if state.proof is proof:
            self.check(state)

    def _proved(
        self,
        state: BlobState,
        proof: Proof,
        owed: int,
        run: range,
        result: int | bool | Exception | None,
    ) -> None:
        """A piece was hashed: None; a block is gone: its number; all is done: whether the blob is right."""
        proof.busy = False
        self._budget.owed -= owed
        self._memory.forget_hashed(state.prefix, range(run.start, proof.frontier))
        if state.proof is proof:
            self._go_on(state, proof, result)
        self._freed()

    def _go_on(self, state: BlobState, proof: Proof, result: int | bool | Exception | None) -> None:
        if isinstance(result, Exception):
            log.warning("cannot check %s: %s", state.blob.digest, result)
            self._failed(state, DataUnavailable(f"cannot check {state.blob.digest}: {result}"))
        elif result is True:
            self._counters.verified += 1
            self.drop(state)
            state.suspect = False
            if proof.left:
                self._memory.forget(state.prefix)  # what the store has is compared next
            if proof.again or proof.left:  # who waits may have read what came again
                self._once_more(state)
            else:
                state.handed.found_right()
                state.settle(VERDICT, Taken.YES)
        elif result is False:
            self._counters.bad += 1
            keys = proof.keys or state.keys
            self._condemn(state)
            order = functools.partial(condemn, self._store, state.blob, keys)
            self._checker.post(order, lambda _: None, urgent=True)
            self.tell_bad(state.blob)
        elif result == DOUBTFUL:
            if self.retract(state):
                self._counters.bad += 1
                log.warning("%s: some of what was read of it is wrong", state.blob.digest)
            state.proof = Proof(state.blob)
            self.check(state)
        else:
            if result is not None:
                for block, data in proof.unsee(result).items():
                    self._budget.owed -= len(data)
                    self._memory.put_unhashed(state.prefix, block, data)
            self.check(state)

    def _once_more(self, state: BlobState) -> None:
        """What was compared was right, but not all of it is what the store has now."""
        state.proof = Proof(state.blob)
        forget = functools.partial(self._store.set_verdict, state.prefix, UNPROVEN)
        failed = functools.partial(self._failed, state)
        self._checker.post(forget, lambda _: self.check(state), urgent=True, failed=failed)

    def _failed(self, state: BlobState, error: Exception) -> None:
        """A blob cannot be checked, or a bug was met with."""
        self.drop(state)
        state.fail_verdict(unforeseen(state.blob, error))

    # -- what an earlier process left ----------------------------------------------------------------

    def examine(self, blob: Blob, keys: Keys, state_of: Callable[[], BlobState]) -> None:
        """Check a blob if the whole of it lies in the store."""
        self._checker.post(
            functools.partial(left_whole, self._store, blob, keys),
            functools.partial(self._examined, state_of),
        )

    def _examined(self, state_of: Callable[[], BlobState], found: Proof | Exception | None) -> None:
        if isinstance(found, Proof):
            state = state_of()
            if state.proof is not None:
                state.proof.see_all()
            elif found.keys is not None:
                found.keys = found.keys._replace(handed=state.handed)
                state.proof = found
                if state.editions:
                    self.keep_to(state)
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
            self.tell_bad(proof.file.blob)

    def tell_bad(self, blob: Blob) -> None:
        """Tell the owner of the fetcher that a blob, or a local file of it, is wrong."""
        try:
            self._on_bad(blob)
        except Exception:
            log.exception("cannot tell that %s is wrong (this is a bug)", blob.digest)
