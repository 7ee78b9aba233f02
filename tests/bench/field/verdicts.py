"""The targets, and whether a run reached them. No I/O.

Each compares one figure of ours with one yardstick of the same run; a ratio above 1 means that ours is better.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.field.found import BY_KEY, METRICS, Found, Kind, Metric, best, better

OURS = "vfs"
RAW = "obstore"
MEMORY = ("seq_cold_memory", "epoch_shuffled_memory")


@dataclass(frozen=True)
class Verdict:
    """One row of the table of ratios.

    Attributes:
        yardstick: name of the peer that ours is compared with.
        ratio: how many times better ours is.
        least: the ratio that was aimed at; None where the row is only told.
    """

    metric: Metric
    ours: float
    yardstick: str
    theirs: float
    ratio: float
    least: float | None

    @property
    def reached(self) -> bool | None:
        """Whether the target was reached; None without one."""
        return None if self.least is None else self.ratio >= self.least


def verdicts(found: Found, latency: int) -> Iterator[Verdict]:
    """A verdict for each row in which both sides have a figure."""
    for metric in METRICS:
        ours = found.value(OURS, latency, metric.key)
        other = yardstick(found, latency, metric)
        if ours is None or other is None:
            continue
        name, theirs = other
        ratio = better(metric, ours, theirs)
        yield Verdict(metric, ours, name, theirs, ratio, least(metric, latency))


def yardstick(found: Found, latency: int, metric: Metric) -> tuple[str, float] | None:
    """What ours is compared with in a row."""
    if metric.key == "seq_cold":
        raw = found.value(RAW, latency, metric.key)
        return None if raw is None else (RAW, raw)
    if metric.key == "epoch_hinted":
        warm = found.value(OURS, latency, "epoch_warm")
        return None if warm is None else (f"{OURS}, all of it here", warm)
    if metric.key == "switch":  # no other mount can; those that copy do
        others = [
            (p.name, found.value(p.name, latency, metric.key))
            for p in found.peers
            if p.kind is Kind.COPY
        ]
        return best(metric, [(name, value) for name, value in others if value is not None])
    return best_mount(found, latency, metric)


def best_mount(found: Found, latency: int, metric: Metric) -> tuple[str, float] | None:
    """The best peer that is a mount; of cold rows, the best that reads over the network."""
    values = []
    for peer in found.peers:
        value = found.value(peer.name, latency, metric.key)
        if peer.kind is Kind.MOUNT and value is not None and (metric.warm or peer.remote):
            values.append((peer.name, value))
    return best(metric, values)


def least(metric: Metric, latency: int) -> float | None:
    """The ratio aimed at."""
    if metric.key.endswith("_used"):
        return None
    if metric.key == "seq_cold":
        return 0.9
    if metric.key == "epoch_hinted":
        return 0.8 if latency else None
    if metric.key == "epoch_shuffled":
        return 10.0 if latency else None
    if metric.key in MEMORY:
        return 1 / 1.5
    if metric.warm or metric.key == "first_byte":
        return 1.0
    return None


def keys(names: list[str]) -> set[str]:
    """Metrics whose key begins with one of these; all without any."""
    return {key for key in BY_KEY if not names or any(key.startswith(name) for name in names)}
