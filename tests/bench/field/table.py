"""Renders what was found as markdown. No I/O."""

from collections.abc import Iterator

from tests.bench.field.found import METRICS, Found, Kind, PeerInfo, better
from tests.bench.field.verdicts import OURS, verdicts
from tests.bench.harness import number

_REACHED = {None: "-", True: "yes", False: "**no**"}


def report(found: Found, latencies: list[int]) -> Iterator[str]:
    """All tables, line by line."""
    yield from peers(found)
    for latency in latencies:
        yield ""
        yield f"**{latency} ms added to each request: vfs beside the best mount**"
        yield ""
        yield from ratios(found, latency)
        yield ""
        yield f"**{latency} ms: all figures, in brackets how many times better vfs is**"
        yield ""
        yield from figures(found, latency)
        yield ""
        yield from reasons(found, latency)


def peers(found: Found) -> Iterator[str]:
    """What took part, what could not."""
    yield from _line("peer", "kind", "reads", "version")
    yield "|---|---|---|---|"
    for peer in found.peers:
        version = peer.version or f"**not here**: {peer.absent}"
        yield from _line(peer.name, peer.kind.value, peer.reads, version)


def ratios(found: Found, latency: int) -> Iterator[str]:
    """Ours, the yardstick, the ratio and the target."""
    yield from _line("what", "vfs", "beside", "vfs is better by", "target", "reached")
    yield "|---|---|---|---|---|---|"
    for one in verdicts(found, latency):
        unit = one.metric.unit
        yield from _line(
            one.metric.title,
            f"{number(one.ours)} {unit}",
            f"{one.yardstick}: {number(one.theirs)} {unit}",
            f"**{number(one.ratio)} x**",
            "-" if one.least is None else f">= {number(one.least)} x",
            _REACHED[one.reached],
        )


def figures(found: Found, latency: int) -> Iterator[str]:
    """One column for each peer."""
    columns = found.measured(latency)
    yield from _line("what", *(peer.name for peer in columns))
    yield "|---" * (len(columns) + 1) + "|"
    for metric in METRICS:
        values = [found.value(peer.name, latency, metric.key) for peer in columns]
        if any(value is not None for value in values):
            ours = found.value(OURS, latency, metric.key)
            cells = [
                _cell(value, None if ours is None else better(metric, ours, value or 0), peer)
                for value, peer in zip(values, columns, strict=True)
            ]
            yield from _line(f"{metric.title}, {metric.unit}", *cells)


def reasons(found: Found, latency: int) -> Iterator[str]:
    """Why figures are not there, one line for each reason of a peer."""
    told: dict[tuple[str, str], list[str]] = {}
    for (peer, at, metric), why in found.missing.items():
        if at == latency and found.value(peer, latency, metric) is None:
            told.setdefault((peer, why), []).append(metric)
    for (peer, why), metrics in told.items():
        yield f"- {peer}, {', '.join(metrics)}: {why}"


def _cell(value: float | None, ratio: float | None, peer: PeerInfo) -> str:
    if value is None:
        return "-"
    told = "" if ratio is None or peer.name == OURS else f" ({number(ratio)} x)"
    return f"{number(value)}{told}" if peer.kind is not Kind.OURS else f"**{number(value)}**{told}"


def _line(*cells: str) -> Iterator[str]:
    yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
