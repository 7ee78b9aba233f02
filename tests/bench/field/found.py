"""What the bench measures and what it found: values, medians, and what was not measured and why. No I/O."""

import enum
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


class Kind(enum.Enum):
    """What a peer is; the ratios compare with mounts, the others are told beside them."""

    OURS = "vfs"
    MOUNT = "mount"
    COPY = "copy"
    LIBRARY = "library"
    CEILING = "ceiling"


@dataclass(frozen=True)
class Metric:
    """One row.

    Attributes:
        key: its name in JSON and on the command line.
        title: what was measured.
        unit: of the figures.
        more: whether more is better.
        warm: whether nothing has to come over the network.
    """

    key: str
    title: str
    unit: str
    more: bool = True
    warm: bool = False


METRICS = (
    Metric("ready", "start to the end of the first `ls`", "s", more=False),
    Metric("first_byte", "open + first byte, never read before", "ms", more=False),
    Metric("list_cold", "`ls -lR`, first", "entries/s"),
    Metric("list_again", "`ls -lR`, again, no name in the kernel", "entries/s", warm=True),
    Metric("stat", "stat in random order, no name in the kernel", "files/s", warm=True),
    Metric("seq_cold", "cold sequential, 256 KiB", "MB/s"),
    Metric("seq_cold_fetched", "… bytes fetched per byte read", "x", more=False),
    Metric("seq_cold_memory", "… peak RSS", "MB", more=False),
    Metric("seq_cold_used", "… processor time of the peer", "s/GB", more=False),
    Metric("seq_warm", "warm sequential, no page in the kernel", "MB/s", warm=True),
    Metric("seq_warm_used", "… processor time of the peer", "s/GB", more=False, warm=True),
    Metric("seq_hot", "the same, all pages in the kernel", "MB/s", warm=True),
    Metric("random4_warm", "warm random 4 KiB", "reads/s", warm=True),
    Metric("random4_warm_used", "… processor time of the peer", "us/read", more=False, warm=True),
    Metric("random256_warm", "warm random 256 KiB", "MB/s", warm=True),
    Metric("random4_cold", "cold random 4 KiB", "reads/s"),
    Metric("random4_cold_fetched", "… bytes fetched per byte read", "x", more=False),
    Metric("random256_cold", "cold random 256 KiB", "MB/s"),
    Metric("random256_cold_fetched", "… bytes fetched per byte read", "x", more=False),
    Metric("epoch_order", "cold epoch, small files, in order", "files/s"),
    Metric("epoch_order_fetched", "… bytes fetched per byte read", "x", more=False),
    Metric("epoch_shuffled", "cold epoch, shuffled", "files/s"),
    Metric("epoch_shuffled_fetched", "… bytes fetched per byte read", "x", more=False),
    Metric("epoch_shuffled_memory", "… peak RSS", "MB", more=False),
    Metric("epoch_shuffled_used", "… processor time of the peer", "us/file", more=False),
    Metric("epoch_hinted", "cold epoch, shuffled, order told before", "files/s"),
    Metric("epoch_traced", "cold epoch, shuffled, after a traced one", "files/s"),
    Metric("epoch_warm", "warm epoch, shuffled, no page in the kernel", "files/s", warm=True),
    Metric("epoch_warm_used", "… processor time of the peer", "us/file", more=False, warm=True),
    Metric("epoch_hot", "the same, all pages in the kernel", "files/s", warm=True),
    Metric("switch", "to another version: command to the first changed byte", "s", more=False),
)
BY_KEY = {metric.key: metric for metric in METRICS}


@dataclass(frozen=True)
class PeerInfo:
    """One peer as the tables name it.

    Attributes:
        reads: from where: plain objects, DVC's objects, packs, local files.
        remote: whether that is the server behind the proxy.
        version: of its program; empty if it cannot be had.
        absent: why it cannot be had.
    """

    name: str
    kind: Kind
    reads: str
    remote: bool
    version: str = ""
    absent: str = ""


Place = tuple[str, int, str]
"""Peer, latency in ms, metric."""


@dataclass
class Found:
    """Everything one run found."""

    peers: list[PeerInfo] = field(default_factory=list)
    samples: dict[Place, list[float]] = field(default_factory=dict)
    missing: dict[Place, str] = field(default_factory=dict)

    def add(self, peer: str, latency: int, metric: str, value: float) -> None:
        """One round's figure."""
        self.samples.setdefault((peer, latency, BY_KEY[metric].key), []).append(value)

    def lacks(self, peer: str, latency: int, metric: str, why: str) -> None:
        """A figure that a round could not give."""
        self.missing[(peer, latency, BY_KEY[metric].key)] = why

    def value(self, peer: str, latency: int, metric: str) -> float | None:
        """The median of the rounds; None if no round gave one."""
        values = self.samples.get((peer, latency, metric))
        return statistics.median(values) if values else None

    def why(self, peer: str, latency: int, metric: str) -> str:
        """Why a figure is not there."""
        return self.missing.get((peer, latency, metric), "")

    def measured(self, latency: int) -> list[PeerInfo]:
        """Peers that have a figure at a latency, or tried for one."""
        names = {peer for peer, at, _ in (*self.samples, *self.missing) if at == latency}
        return [peer for peer in self.peers if peer.name in names]

    def info(self, name: str) -> PeerInfo | None:
        """A peer by its name."""
        return next((peer for peer in self.peers if peer.name == name), None)

    def document(self) -> dict[str, object]:
        """All of it for JSON."""
        return {
            "peers": [vars(peer) | {"kind": peer.kind.value} for peer in self.peers],
            "figures": [
                {"peer": p, "latency_ms": at, "metric": m, "unit": BY_KEY[m].unit, "rounds": values}
                for (p, at, m), values in self.samples.items()
            ],
            "missing": [
                {"peer": p, "latency_ms": at, "metric": m, "why": why}
                for (p, at, m), why in self.missing.items()
            ],
        }


def better(metric: Metric, ours: float, theirs: float) -> float:
    """How many times better the first is; less than 1 if the second is ahead."""
    over, under = (ours, theirs) if metric.more else (theirs, ours)
    return over / under if under else float("inf")


def best(metric: Metric, values: Sequence[tuple[str, float]]) -> tuple[str, float] | None:
    """The best of several peers' figures."""
    if not values:
        return None
    choose = max if metric.more else min
    return choose(values, key=lambda pair: pair[1])
