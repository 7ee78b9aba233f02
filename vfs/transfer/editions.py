"""`Editions`: of which version each place has an object, and what becomes of what was handed out of another one. Loop only; no awaits.

Rules:
  * Blocks that nobody has compared are used while the place that gave them has that version, as far as is known here: the last answer counts.
  * What was handed out of a version that its place has no more, or of a place that is none any more, is taken back: memory, running
    GETs, the proof, what readers and the kernel remember. So no reader meets two versions.
  * What was handed out and is proven by others meanwhile is compared with that.
"""

from collections.abc import Callable, Iterable

from vfs.store import UNPROVEN, VERIFIED, ChunkStore
from vfs.transfer.blocks import is_bad, verdict
from vfs.transfer.state import BlobState, Job
from vfs.transfer.states import States
from vfs.transfer.verification import Verification
from vfs.types import Blob


class Editions:
    """See the module.

    Args of the constructor:
        store: of the fetcher.
        running: the jobs that a thread works on.
        give_up: takes note that what a running job brings is of no use.
        condemn: takes note that a blob is wrong.
    """

    def __init__(
        self,
        store: ChunkStore,
        running: set[Job],
        give_up: Callable[[Job], None],
        condemn: Callable[[BlobState], None],
    ) -> None:
        self._store = store
        self._running = running
        self._give_up = give_up
        self._condemn = condemn
        self.states = States(store, self._forgotten)
        self.verification: Verification | None = None

    def verdict(self, blob: Blob) -> int | None:
        """What is known of the whole; it is not verified while something else may have been handed out here."""
        state, found = self.states.known(blob), verdict(self._store, blob)
        return UNPROVEN if found == VERIFIED and state is not None and state.handed else found

    # -- what places have ----------------------------------------------------------------------------

    def opened(self, job: Job, etag: str) -> None:
        """A place answers."""
        state, source = job.state, job.source
        if source is None or job.void:
            return
        source.etag = etag or source.etag
        where = source.place.where
        if not (state.blob.scope and job.prefix) or state.editions.get(where) == job.prefix:
            return
        self.take_out(state, [where])
        if state.sources is not None and where not in state.places:
            self._give_up(job)
            return
        state.answered(state.editions | {where: job.prefix})
        if self.verification is not None:
            self.verification.keep_to(state)
            if source.etag:
                self.verification.remember(state, where)

    def found(self, state: BlobState) -> None:
        """The places of a blob are known (again)."""
        self.take_out(state, set(state.editions).difference(state.places))

    def take_out(self, state: BlobState, wheres: Iterable[str]) -> None:
        """Some places of a blob have another object than before, or are none any more."""
        gone = state.take_out(wheres)
        if not gone or self.verification is None:
            return
        self.verification.retract(state)
        for job in list(self._running):
            if job.state is state and job.prefix in gone:
                self._give_up(job)

    def _forgotten(self, blob: Blob) -> None:
        """Nothing is known of a blob any more, so what was handed out of it could not be taken back later."""
        if self.verification is not None:
            self.verification.tell_bad(blob)

    # -- what others have found ----------------------------------------------------------------------

    def heed(self, blobs: Iterable[Blob]) -> None:
        """Another process may have found blobs wrong that are known here, or those named: what it found holds here too."""
        if self.verification is None:
            return
        wrong_here = [s for s in self.states if not s.suspect and is_bad(self._store, s.blob)]
        for state in wrong_here:
            self._condemn(state)
        for blob in {s.blob for s in wrong_here} | {b for b in blobs if is_bad(self._store, b)}:
            self.verification.tell_bad(blob)

    def look_again(self) -> None:
        """Others may have proven what was handed out here."""
        for state in self.states:
            self.look(state)

    def look(self, state: BlobState) -> None:
        """Compare what was handed out of a blob with what others have proven, if they have and all of it is in the store."""
        if self.verification is None or state.suspect or not state.handed:
            return
        if self._store.verdict(state.keys.proven) == VERIFIED:
            self.verification.examine(state.blob, state.keys, lambda: state)
