"""What the fetcher has done and is doing."""

from dataclasses import dataclass

from vfs.metrics import Counters
from vfs.transfer.state import Level


class FetchCounters(Counters):
    """Sums since the start; the event loop alone adds to them."""

    reads: int = 0
    waits: int = 0
    hits_memory: int = 0
    hits_store: int = 0
    misses: int = 0
    requests: int = 0
    failed_requests: int = 0
    retries: int = 0
    cut_off: int = 0
    bytes_received: int = 0
    bytes_demand: int = 0
    bytes_read_ahead: int = 0
    bytes_warm_up: int = 0
    bytes_along: int = 0
    bytes_stored: int = 0
    bytes_unstored: int = 0
    corrupt: int = 0
    mismatches: int = 0
    verified: int = 0
    bad: int = 0
    timeouts: int = 0

    def received(self, level: Level, size: int) -> None:
        """Count bytes that came from a place for a job of some rank."""
        self.bytes_received += size
        if level is Level.DEMAND:
            self.bytes_demand += size
        elif level is Level.AHEAD:
            self.bytes_read_ahead += size
        else:
            self.bytes_warm_up += size

    def came_along(self, size: int) -> None:
        """Count bytes that came with an answer for something else, and were stored."""
        self.bytes_received += size
        self.bytes_along += size
        self.bytes_stored += size


@dataclass(frozen=True, slots=True)
class FetchStatistics:
    """A picture of the fetcher. Bytes, or counts.

    Attributes:
        reads: calls of `read`. waits: those that had to wait for a place.
        hits_memory: blocks found just arrived. hits_store: found in the store. misses: asked of a place.
        requests: GETs begun. failed_requests: ended by an error. retries: asked again elsewhere (or of a new version).
        cut_off: GETs shortened because a demand needed their end at once.
        bytes_received: from all places; bytes_demand, bytes_read_ahead, bytes_warm_up: the same by rank; bytes_along: what came with an answer for something else.
        bytes_stored: taken by the store; bytes_unstored: not (cache off, or a local file).
        corrupt: blocks fetched again because the store's copy was damaged. mismatches: objects with wrong bytes.
        verified, bad: large blobs whose whole was checked, and how it ended. timeouts: reads ended by the deadline.
        in_flight_bytes, in_flight_requests, queued, waiting_readers, checking: gauges; zero when idle.
        memory_cached: bytes kept because the store does not take them.
        places: bytes received by label.
    """

    reads: int
    waits: int
    hits_memory: int
    hits_store: int
    misses: int
    requests: int
    failed_requests: int
    retries: int
    cut_off: int
    bytes_received: int
    bytes_demand: int
    bytes_read_ahead: int
    bytes_warm_up: int
    bytes_along: int
    bytes_stored: int
    bytes_unstored: int
    corrupt: int
    mismatches: int
    verified: int
    bad: int
    timeouts: int
    in_flight_bytes: int
    in_flight_requests: int
    queued: int
    waiting_readers: int
    checking: int
    memory_cached: int
    places: dict[str, int]
