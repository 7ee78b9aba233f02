"""`BlobState`: all the fetcher knows of one blob; `Job`: one GET of it. Loop only.

Invariants: see `docs/concurrency.md`, "Fetching": a block has at most one owner; a waiter's pending block has an owner.
"""

import math
import threading
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from vfs.core.ranges import block_count, run_length
from vfs.core.streams import StreamTable
from vfs.core.turns import Turn
from vfs.errors import VfsError
from vfs.log.requests import current
from vfs.store import Taken
from vfs.transfer.blocks import WHOLE_SIZE, Keys, place_name, provable
from vfs.transfer.handed import HandedOut
from vfs.transfer.place import Body, PlacesOf
from vfs.transfer.proof import Proof
from vfs.transfer.source import Source
from vfs.transfer.waiter import Data, Waiter
from vfs.types import BLOCK_SIZE, Blob

VERDICT: Final = -1
"""What stands for the proof of the whole among the blocks a waiter waits for."""


class Level(IntEnum):
    """Rank of a job; the lower number goes first."""

    DEMAND = 0
    AHEAD = 1
    WARM = 2


class Job:
    """A run of blocks [`first`, `stop`) of one blob, asked of one place after the other.

    Attributes:
        state: the blob it belongs to.
        level: its rank.
        whole: it brings the whole blob, which is verified before any byte is handed out; never cut off.
        stop: the end; the loop may lower it while the job runs, its thread looks before each block.
        cancelled: nobody wants the rest; the thread looks before each block.
        progress: the first block that has not been announced yet.
        attempt: how many places (or versions) have been asked, this one included.
        received: bytes its answers have brought; written by its thread.
        handed: another place has been asked for its blocks; it has no slot any more.
        request: the id in the log of what asked for it (`vfs.log.requests`).
        rival: the GET whose blocks it took over, which may still bring them.
        given: the places (`where`) that its blocks were taken away from, because nothing came.
        tries: attempts that failed within the running request; written by its thread.
        trouble: why the last of them failed; written by its thread.
        storing: its thread gives blocks to the store; written by it.
        moved: when it started, or last brought a block (trio's clock).
        turn: whose bytes go first; a demand for its blocks lowers its rank.
        void: its blob was found wrong, or replaced, while it ran: what it brings is thrown away.
        asked: the version it was told to ask for; empty if any will do.
        prefix: what the keys of its blocks begin with in the store: those of the edition of its answer. Empty before that, and
            if the store does not get them.
        held: bytes it holds of the budget.
        running: a thread works on it.
        source: the place asked now.
        body: the answer being read, for who wants to end it from outside.
        ended: set by the thread when it lets go of everything.
    """

    __slots__ = (
        "asked",
        "attempt",
        "body",
        "cancelled",
        "ended",
        "first",
        "given",
        "handed",
        "held",
        "level",
        "moved",
        "prefix",
        "progress",
        "received",
        "request",
        "rival",
        "running",
        "source",
        "state",
        "stop",
        "storing",
        "tries",
        "trouble",
        "turn",
        "void",
        "whole",
    )

    def __init__(
        self, state: "BlobState", run: range, level: Level, *, whole: bool = False
    ) -> None:
        self.state = state
        self.first = run.start
        self.stop = run.stop
        self.level = level
        self.turn = Turn(level)
        self.whole = whole
        self.cancelled = False
        self.progress = run.start
        self.source: Source | None = None
        self.body: Body | None = None
        self.ended = threading.Event()
        self.request = current()
        self.attempt = 1
        self.received = 0
        self.handed = False
        self.rival: Job | None = None
        self.given: tuple[str, ...] = ()
        self.tries = 0
        self.trouble: VfsError | None = None
        self.storing = False
        self.moved = -math.inf
        self.void = False
        self.asked = ""
        self.prefix = b""
        self.held = 0
        self.running = False

    @property
    def run(self) -> range:
        """The blocks it covers now."""
        return range(self.first, self.stop)

    @property
    def reached(self) -> int:
        """The first block that its thread has not read to the end, as far as is known; it may have read on since its last announcement."""
        return max(self.progress, self.first + self.received // BLOCK_SIZE)

    @property
    def size(self) -> int:
        """Bytes of those blocks."""
        return run_length(self.state.blob.size, self.run)

    def __repr__(self) -> str:
        kind = f"{self.level.name}{' running' if self.running else ''}"
        return f"<Job {self.state.blob.digest} [{self.first}, {self.stop}) {kind}>"


class BlobState:
    """What is going on with one blob.

    Attributes:
        blob: which one.
        prefix: its name here, in memory and in the verdicts.
        keys: of the blocks in the store that are proven, or of its editions.
        handed: what was handed out of its editions and is not compared yet.
        kept: keys of the editions that an earlier process has left, by the name of their places.
        editions: keys of the editions of those places that have answered, by their `Place.where`; never changed, but replaced.
        retracted: how often what was handed out was taken back: a read that meets it begins anew.
        misled: who has read may have wrong bytes; told to who asks for the verdict next.
        places_of: finds its places.
        places: those that were found last (`Place.where`).
        sources: its places, best first; None if not asked for yet, or to be asked for again.
        asking: whether a task is finding the places, or waiting until one may be asked again.
        trouble: why the places cannot be found just now.
        unplaced: jobs that wait for such a task.
        owners: queued and running jobs, by block that has not arrived.
        arrived: bytes of blocks that are not in the store yet.
        waiters: who waits for a block to arrive.
        storing: who waits for a block that has arrived to be stored, or for the `VERDICT`.
        streams: the readers walking through it.
        refused: the failure of all places, and until when it is repeated without asking.
        suspect: it was found wrong as a whole: nothing of it is handed out before all of it was fetched anew and compared.
        proof: check of the whole; None for small blobs, what cannot be checked, and while nothing new has come.
        readers: tasks inside `Fetcher.read` or `prefetch`.
        promoted: what readers have not had was asked for (`transfer.promotion`).
    """

    __slots__ = (
        "arrived",
        "asking",
        "blob",
        "blocks",
        "editions",
        "handed",
        "kept",
        "keys",
        "misled",
        "owners",
        "places",
        "places_of",
        "prefix",
        "promoted",
        "proof",
        "readers",
        "refused",
        "retracted",
        "sources",
        "storing",
        "streams",
        "suspect",
        "trouble",
        "unplaced",
        "waiters",
    )

    def __init__(self, blob: Blob, places_of: PlacesOf) -> None:
        self.blob = blob
        self.prefix = blob.key
        self.blocks = block_count(blob.size)
        self.handed = HandedOut()
        self.kept: dict[bytes, bytes] = {}
        self.answered({})
        self.retracted = 0
        self.misled = False
        self.places_of = places_of
        self.places: tuple[str, ...] = ()
        self.sources: list[Source] | None = None
        self.asking = False
        self.trouble: VfsError | None = None
        self.unplaced: list[Job] = []
        self.owners: dict[int, Job] = {}
        self.arrived: dict[int, Data] = {}
        self.waiters: dict[int, list[Waiter]] = {}
        self.storing: dict[int, list[Waiter]] = {}
        self.streams = StreamTable(blob.size)
        self.refused: tuple[VfsError, float] | None = None
        self.suspect = False
        self.proof: Proof | None = None
        self.readers = 0
        self.promoted = False

    @property
    def whole(self) -> bool:
        """Whether it comes in one piece."""
        return self.blob.size <= WHOLE_SIZE

    @property
    def provable(self) -> bool:
        """Whether its digest is a hash of its bytes."""
        return provable(self.blob)

    @property
    def usable(self) -> Keys:
        """Those of `keys` whose blocks may be handed out: proven ones always."""
        return Keys(self.keys.proven) if self.suspect else self.keys

    @property
    def unsettled(self) -> bool:
        """Whether an earlier process has left something, and no place has told which version it has."""
        return bool(self.kept) and not self.editions

    def answered(self, editions: dict[str, bytes]) -> None:
        """The places that have answered, and what they have."""
        self.editions = editions
        self.keys = Keys(self.blob.proven_key, tuple(editions.values()), self.handed)

    def left(self) -> dict[str, bytes]:
        """The editions that an earlier process had of the places of now, or of any if there are none."""
        names = {place_name(where): where for where in self.places}
        return {
            names.get(name, name.hex()): key
            for name, key in self.kept.items()
            if not names or name in names
        }

    def take_out(self, wheres: Iterable[str]) -> list[bytes]:
        """Some places have other objects now, or are none any more; returns the keys of their editions."""
        gone = [self.editions[where] for where in wheres if where in self.editions]
        self.answered({w: key for w, key in self.editions.items() if key not in gone})
        return gone

    def retract(self) -> bool:
        """What was handed out may be wrong: nothing of it may reach anybody from now on; returns whether there is any."""
        self.retracted += 1
        for block in list(self.arrived):
            self.settle(block, Taken.LATER)
        self.settle(VERDICT, Taken.LATER)
        out = bool(self.handed)
        self.misled |= out
        self.handed.clear()
        return out

    def forget_places(self) -> None:
        """Its places may be others now: ask for them again, also if all had failed."""
        if self.provable:  # what has no digest goes on with the version it was begun with
            self.sources = None
        self.refused = None

    def current(self, source: Source) -> Source:
        """What is known now of the place of a source, which may be one of before the places changed."""
        same = (s for s in self.sources or () if s.place.where == source.place.where)
        return next(same, source)

    @property
    def weight(self) -> int:
        """Bytes that what is known of its blocks takes, about."""
        return self.handed.weight + (self.proof.weight if self.proof is not None else 0)

    @property
    def idle(self) -> bool:
        """Whether it may be forgotten."""
        return not (
            self.readers
            or self.owners
            or self.arrived
            or self.waiters
            or self.storing
            or self.asking
            or (self.proof is not None and (self.proof.busy or self.proof.scanning))
        )

    def wait_for(self, waiter: Waiter) -> None:
        """Register a waiter for its pending blocks."""
        for block in waiter.pending:
            stage = self.storing if not waiter.keep and block in self.arrived else self.waiters
            stage.setdefault(block, []).append(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Remove a waiter from the blocks that did not come."""
        for block in waiter.pending:
            for stage in (self.waiters, self.storing):
                waiting = stage.get(block)
                if waiting is not None and waiter in waiting:
                    waiting.remove(waiter)
                    if not waiting:
                        del stage[block]

    def arrive(self, block: int, data: Data) -> None:
        """A block is here: it has no owner any more, and whoever waits for its bytes has them."""
        self.arrived[block] = data
        self.owners.pop(block, None)
        for waiter in self.waiters.pop(block, ()):
            if waiter.keep:
                waiter.arrive(block, data)
            else:
                self.storing.setdefault(block, []).append(waiter)

    def settle(self, block: int, taken: Taken) -> Data | None:
        """A block that arrived is in the store, or was not taken; its bytes, None if this was known."""
        data = self.arrived.pop(block, None)
        for waiter in self.storing.pop(block, ()):
            waiter.settle(block, taken)
        return data

    def comes(self, block: int) -> bool:
        """Whether a block is being fetched, or has come and is about to be stored."""
        return block in self.owners or block in self.arrived

    def fail(self, blocks: range, error: VfsError) -> None:
        """Wake everyone who waits for one of these blocks."""
        for block in blocks if len(blocks) < len(self.waiters) else list(self.waiters):
            if block in blocks:
                for waiter in self.waiters.pop(block, ()):
                    waiter.fail(error)

    def start_over(self) -> None:
        """Its bytes were wrong: all of it is fetched anew and compared before it is served."""
        self.suspect = True
        self.owners.clear()
        self.arrived.clear()
        self.retracted += 1
        self.misled |= bool(self.handed)
        self.handed.clear()
        self.answered({})
        # others first; and whatever lies there next time is another object
        ordered = sorted(self.sources or (), key=lambda source: source.served)
        self.sources = [Source(source.place) for source in ordered] or None

    def fail_verdict(self, error: VfsError) -> None:
        """Wake everyone who waits for the proof."""
        for waiter in self.storing.pop(VERDICT, ()):
            waiter.fail(error)

    def fail_all(self, error: VfsError) -> None:
        """Wake everyone."""
        for stage in (self.waiters, self.storing):
            for waiting in stage.values():
                for waiter in waiting:
                    waiter.fail(error)
            stage.clear()

    def wanted(self, blocks: range) -> bool:
        """Whether somebody waits for one of these blocks."""
        return any(block in self.waiters for block in blocks)

    def demanded(self, blocks: range) -> bool:
        """Whether a reader waits for one of these blocks."""
        return any(w.keep for block in blocks for w in self.waiters.get(block, ()))

    def own(self, job: Job) -> None:
        """Make a job the owner of its blocks."""
        for block in job.run:
            self.owners[block] = job

    def disown(self, job: Job, blocks: range) -> None:
        """End a job's ownership of some blocks."""
        for block in blocks:
            if self.owners.get(block) is job:
                del self.owners[block]
