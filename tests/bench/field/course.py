"""One peer at one latency in one round: how the rows start it afresh, watch it, and read it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.field.memory import PeakMemory, spent
from tests.bench.field.peers.base import Peer, Running
from tests.bench.field.place import Place
from tests.bench.field.proxy import Proxy

WORKERS = 4


@dataclass
class Watched:
    """What a peer used while it was watched.

    Attributes:
        bytes: from the server.
        memory: the largest resident set.
        seconds: of the processors.
    """

    bytes: int = 0
    memory: int = 0
    seconds: float = 0.0


@dataclass
class Course:
    """What a row works with.

    Attributes:
        seed: another one in each round, for what is shuffled.
        wanted: keys of the metrics asked for.
        cool: makes the kernel forget all that it has cached.
        cool_names: makes it forget names, but not what is open, such as the caches of a daemon.
    """

    peer: Peer
    place: Place
    proxy: Proxy
    seed: int
    wanted: set[str]
    cool: Callable[[], None]
    cool_names: Callable[[], None]

    def wants(self, *keys: str) -> bool:
        """Whether one of these was asked for."""
        return bool(self.wanted.intersection(keys))

    @contextmanager
    def fresh(self) -> Iterator[Running]:
        """The peer with nothing cached, by itself or by the kernel."""
        self.peer.forget(self.place)
        self.cool()
        running = self.peer.start(self.place)
        try:
            yield running
        finally:
            running.stop()

    @contextmanager
    def watched(self, running: Running) -> Iterator[Watched]:
        """Count bytes and memory of what is done in the block."""
        watched, mark = Watched(), self.proxy.mark()
        with self.metered(running, watched), PeakMemory(running.processes) as peak:
            yield watched
        watched.memory = peak.bytes
        watched.bytes = self.proxy.since(mark).bytes

    @contextmanager
    def metered(self, running: Running, watched: Watched) -> Iterator[None]:
        """Only the processor time of what is done in the block; of a library, whose process comes and goes, there is none."""
        before = spent(running.processes())
        yield
        watched.seconds = max(0.0, spent(running.processes()) - before)
