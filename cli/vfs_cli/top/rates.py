"""From two looks at a mount to what it does a second, and that as a line or a document. Pure."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from vfs.control.protocol import path_fields, path_of
from vfs.control.registry import MountRecord
from vfs.errors import ProtocolError, VfsError
from vfs.metrics.histogram import Distribution
from vfs.metrics.samples import Reading, decode
from vfs_cli.measured import rate_of


class HotFile(NamedTuple):
    """A file that was read or waited for most: bytes and seconds a second."""

    path: bytes
    size: float
    waited: float


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a mount.

    Attributes:
        record: which mount.
        reading: its figures; None if it does not answer.
        rev: what it shows.
        hot: the files that were read most.
        error: why it does not answer.
    """

    record: MountRecord
    reading: Reading | None
    rev: str
    hot: tuple[HotFile, ...] = ()
    error: VfsError | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """What a remote did, a second: bytes, requests, errors."""

    name: str
    received: float
    requests: float
    errors: float


@dataclass(frozen=True, slots=True)
class Rates:
    """What a mount does; a second, unless it says otherwise.

    Attributes:
        seconds: between the two looks.
        operations: requests of the kernel by kind.
        read: bytes handed out.
        hits: share of reads whose bytes were here, of 1; None if nothing was read.
        fetched: bytes that came from places.
        remotes: by name.
        stalled: seconds that readers waited.
        waits: of reads that waited and ended in between.
        waiting: reads that wait now.
        errors: requests that failed.
        in_flight, budget: bytes now, and at most.
        running, queued: requests to places now.
        cache, cache_limit: bytes now, and at most.
        resident: memory of the process now, bytes.
        descriptors: that are open now.
        inodes: that the kernel holds now.
        processor: share of one processor.
    """

    seconds: float
    operations: dict[str, float]
    read: float
    hits: float | None
    fetched: float
    remotes: tuple[Remote, ...]
    stalled: float
    waits: Distribution
    waiting: int
    errors: float
    in_flight: int
    budget: int
    running: int
    queued: int
    cache: int
    cache_limit: int
    resident: int
    descriptors: int
    inodes: int
    processor: float


def look_of(record: MountRecord, answer: dict[str, Any], when: float) -> Look:
    """What a daemon answered to `top`."""
    seconds = max(1.0, float(answer.get("hot_seconds") or 0.0))
    hot = [found for one in answer.get("hot") or [] if (found := _hot(one, seconds)) is not None]
    rev = str(answer.get("rev") or record.rev)
    return Look(record, Reading(decode(answer.get("samples")), when), rev, tuple(hot))


def _hot(one: dict[str, Any], seconds: float) -> HotFile | None:
    try:
        return HotFile(path_of(one), one["bytes"] / seconds, one["waited"] / seconds)
    except (ProtocolError, KeyError, TypeError):  # of another version
        return None


def rates_of(now: Reading, before: Reading) -> Rates:
    """What happened between two readings of one mount."""
    seconds = max(1e-3, now.when - before.when)

    def rate(name: str, *labels: str) -> float:
        return max(0.0, now.number(name, *labels) - before.number(name, *labels)) / seconds

    def whole(name: str) -> int:
        return int(now.number(name))

    hits, misses = rate("vfs_cache_hits_total"), rate("vfs_cache_misses_total")
    return Rates(
        seconds=seconds,
        operations={
            op: rate("vfs_requests_total", op) for (op,) in now.labelled("vfs_requests_total")
        },
        read=rate("vfs_read_bytes_total") + rate("vfs_pushed_bytes_total"),
        hits=hits / (hits + misses) if hits + misses else None,
        fetched=rate("vfs_fetched_bytes_total"),
        remotes=tuple(
            Remote(
                name,
                rate("vfs_remote_received_bytes_total", name),
                rate("vfs_remote_requests_total", name),
                _errors(now, name, seconds, before),
            )
            for (name,) in sorted(now.labelled("vfs_remote_requests_total"))
        ),
        stalled=rate("vfs_reader_stall_seconds_total"),
        waits=now.distribution("vfs_read_wait_seconds").since(
            before.distribution("vfs_read_wait_seconds")
        ),
        waiting=whole("vfs_readers_waiting"),
        errors=rate("vfs_request_errors_total"),
        in_flight=whole("vfs_inflight_bytes"),
        budget=whole("vfs_budget_bytes"),
        running=whole("vfs_inflight_requests"),
        queued=whole("vfs_queued_requests"),
        cache=whole("vfs_cache_bytes"),
        cache_limit=whole("vfs_cache_limit_bytes"),
        resident=whole("vfs_resident_memory_bytes"),
        descriptors=whole("vfs_open_descriptors"),
        inodes=whole("vfs_inodes"),
        processor=rate("vfs_cpu_seconds_total"),
    )


def _errors(now: Reading, remote: str, seconds: float, before: Reading) -> float:
    found = 0.0
    for labels in now.labelled("vfs_remote_errors_total"):
        if labels[0] == remote:
            found += now.number("vfs_remote_errors_total", *labels)
            found -= before.number("vfs_remote_errors_total", *labels)
    return max(0.0, found) / seconds


def document(look: Look, rates: Rates) -> dict[str, Any]:
    """Rates for programs."""
    return {
        "mountpoint": str(look.record.mountpoint),
        "rev": look.rev,
        "seconds": round(rates.seconds, 3),
        "operations": {op: round(rate, 3) for op, rate in rates.operations.items()},
        "read_bytes": round(rates.read),
        "hit_share": rates.hits,
        "fetched_bytes": round(rates.fetched),
        "remotes": [
            {"name": one.name, "received_bytes": round(one.received), "requests": one.requests, "errors": one.errors}
            for one in rates.remotes
        ],
        "stall_seconds": round(rates.stalled, 6),
        "waiting": rates.waiting,
        "errors": rates.errors,
        "in_flight_bytes": rates.in_flight,
        "budget_bytes": rates.budget,
        "hot": [
            {**path_fields(one.path), "read_bytes": round(one.size), "stall_seconds": round(one.waited, 6)}
            for one in look.hot
        ],
    }  # fmt: skip


def line(look: Look, rates: Rates | None, clock: str) -> str:
    """One moment of a mount as a line of text."""
    head = f"{clock} {look.record.mountpoint} {look.rev}:"
    if look.error is not None:
        return f"{head} {look.error}"
    if rates is None:
        return f"{head} -"
    busy = ", ".join(f"{op} {rate:.0f}" for op, rate in rates.operations.items() if rate >= 0.5)
    parts = [f"read {rate_of(rates.read)}"]
    parts.append(
        f"requests {sum(rates.operations.values()):.0f}/s" + (f" ({busy})" if busy else "")
    )
    parts.append("hits -" if rates.hits is None else f"hits {100 * rates.hits:.0f} %")
    parts += [f"{one.name} {rate_of(one.received)}" for one in rates.remotes if one.received]
    parts.append(f"waited {rates.stalled:.2f} s/s, {rates.waiting} now")
    if rates.errors:
        parts.append(f"errors {rates.errors:.1f}/s")
    if look.hot:
        parts.append(f"most read {look.hot[0].path.decode('utf-8', 'backslashreplace')}")
    return f"{head} {'; '.join(parts)}"
