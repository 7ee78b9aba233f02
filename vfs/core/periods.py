"""What a mount did between two moments: pictures of sums that only grow, their difference, and the report made of it.

The report is the JSON form of `vfs report` (docs/formats.md); its `version` grows when a field changes its meaning or goes.

Pure: times are given.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from vfs.core.costs import UNKNOWN, Cost, Costs, Sums
from vfs.metrics import Histogram
from vfs.types import Blob

VERSION: Final = 1
MOST_DIRECTORIES: Final = 50
MOST_FILES: Final = 20

Numbers = Mapping[str, int | float]


@dataclass(frozen=True, slots=True)
class Picture:
    """The sums of a mount at one moment, or what came between two.

    Attributes:
        numbers: by name: those of the requests of the kernel, `fetch.…` of the fetcher, those of `vfs.transfer.accounting`.
        places: bytes by label of the place they came from.
        remotes: by name: `requests`, `received`, `errors`, as measured beside the driver.
        waits: how long reads waited.
        directories, files: what contents cost.
    """

    numbers: Numbers = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)
    remotes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    waits: Histogram = field(default_factory=Histogram)
    directories: Sums = field(default_factory=dict)
    files: Costs = field(default_factory=dict)

    def since(self, earlier: "Picture") -> "Picture":
        """What came after an earlier picture."""
        return Picture(
            _numbers(self.numbers, earlier.numbers),
            {k: int(v) for k, v in _numbers(self.places, earlier.places).items() if v},
            {
                name: {k: int(v) for k, v in _numbers(one, earlier.remotes.get(name, {})).items()}
                for name, one in self.remotes.items()
            },
            self.waits.since(earlier.waits),
            _costs(self.directories, earlier.directories),
            _costs(self.files, earlier.files),
        )

    def dearest(self) -> list[Blob]:
        """The contents that cost most, the dearest first."""
        return sorted(self.files, key=lambda blob: -self.files[blob].weight)[:MOST_FILES]


def _numbers(now: Mapping[Any, int | float], before: Mapping[Any, int | float]) -> dict[Any, Any]:
    return {name: max(0, value - before.get(name, 0)) for name, value in now.items()}


def _costs(now: Mapping[Any, Cost], before: Mapping[Any, Cost]) -> dict[Any, Cost]:
    found = {key: cost.since(before.get(key) or Cost()) for key, cost in now.items()}
    return {key: cost for key, cost in found.items() if cost}


PathFields = Callable[[bytes], dict[str, str]]


def report(
    done: Picture,
    *,
    name: str,
    began: float,
    ended: float,
    first: float | None,
    longest: float,
    paths: Mapping[Blob, bytes],
    fields: PathFields,
) -> dict[str, Any]:
    """The report of a period.

    Args:
        done: what came in it.
        name: of the period.
        began: seconds since the epoch.
        ended: the same.
        first: how long the first read waited that had to; None: none had to.
        longest: the longest wait, seconds.
        paths: of the dearest contents, as far as they are known.
        fields: a path for JSON.
    """
    numbers = done.numbers
    asked = int(numbers.get("read_bytes", 0) + numbers.get("pushed_bytes", 0))
    reads = int(numbers.get("reads", 0) + numbers.get("pushed", 0))
    waits, sent = int(numbers.get("fetch.waits", 0)), _sent(done)
    fetched = sent + sum(size for place, size in done.places.items() if place not in done.remotes)
    busy, gets = float(numbers.get("busy", 0)), int(numbers.get("asked", 0))
    return {
        "version": VERSION,
        "name": name,
        "began": round(began, 3),
        "ended": round(ended, 3),
        "seconds": round(ended - began, 3),
        "asked": {
            "bytes": asked,
            "reads": reads,
            "opens": int(numbers.get("opens", 0)),
            "lookups": int(numbers.get("lookups", 0)),
            "errors": int(numbers.get("errors", 0)),
        },
        "fetched": {"bytes": fetched, **_fetched(done)},
        "remotes": {name: dict(one) for name, one in done.remotes.items() if any(one.values())},
        "amplification": ratio(fetched, asked),
        "hit_rate": None if not reads else round(max(0.0, 1 - waits / reads), 4),
        "stalled": _stalled(done, waits, longest),
        "first_byte": None if first is None else round(first, 4),
        "rates": {
            "bytes_per_second": None if not busy else round(sent / busy),
            "request_seconds": ratio(float(numbers.get("gets", 0)), gets),
            "busy_seconds": round(busy, 3),
        },
        **_directories(done, fields),
        "files": [_file(blob, done.files[blob], paths, fields) for blob in done.dearest()],
    }


def _sent(done: Picture) -> int:
    """Bytes that remotes sent, as they lie there."""
    return sum(one.get("received", 0) for one in done.remotes.values())


def _fetched(done: Picture) -> dict[str, Any]:
    numbers = done.numbers
    return {
        "demand": int(numbers.get("fetch.bytes_demand", 0)),
        "read_ahead": int(numbers.get("fetch.bytes_read_ahead", 0)),
        "warm_up": int(numbers.get("fetch.bytes_warm_up", 0)),
        "along": int(numbers.get("fetch.bytes_along", 0)),
        "requests": sum(one.get("requests", 0) for one in done.remotes.values()),
        "gets": int(numbers.get("asked", 0)),
        "failed_requests": int(numbers.get("fetch.failed_requests", 0)),
        "by_place": dict(done.places),
    }


def _stalled(done: Picture, waits: int, longest: float) -> dict[str, Any]:
    return {
        "seconds": round(float(done.numbers.get("stalled", 0)), 4),
        "reads": waits,
        "longest": round(longest, 4),
        **{f"p{p}": round(done.waits.percentile(p), 4) for p in (50, 90, 99)},
    }


def ratio(over: float, under: float) -> float | None:
    """A quotient to four digits; None of nothing."""
    return None if not under else round(over / under, 4)


def cost_fields(cost: Cost) -> dict[str, Any]:
    """A cost for JSON."""
    return {
        "reads": cost.reads,
        "asked": cost.asked,
        "waits": cost.waits,
        "stalled": round(cost.stalled, 4),
        "requests": cost.requests,
        "fetched": cost.fetched,
        "demand": cost.demand,
        "read_ahead": cost.ahead,
        "warm_up": cost.warm,
        "along": cost.along,
    }


def _directories(done: Picture, fields: PathFields) -> dict[str, Any]:
    """The directories that cost most, and how many more there are."""
    costs = done.directories
    ordered = sorted(costs, key=lambda path: (-costs[path].weight, path))
    shown = [
        {**({"path": None} if path == UNKNOWN else fields(path)), **cost_fields(costs[path])}
        for path in ordered[:MOST_DIRECTORIES]
    ]
    return {"directories": shown, "more_directories": max(0, len(ordered) - MOST_DIRECTORIES)}


def with_read(
    done: Mapping[str, Any], read: Mapping[bytes, int], fields: PathFields
) -> dict[str, Any]:
    """A report with how much was read of each directory that it names, or would have named.

    Args:
        done: the report.
        read: bytes, by path of the file.
        fields: a path for JSON.
    """
    sums: dict[bytes, int] = {}
    for path, size in read.items():
        above = path.rpartition(b"/")[0]
        sums[above] = sums.get(above, 0) + size
    by_path = {str(row.get("path")): dict(row) for row in done.get("directories", ())}
    for path in sorted(sums, key=lambda path: -sums[path])[:MOST_DIRECTORIES]:
        row = by_path.setdefault(fields(path)["path"], {**fields(path), **cost_fields(Cost())})
        row["read"] = sums[path]
    return {**done, "directories": list(by_path.values())}


def _file(
    blob: Blob, cost: Cost, paths: Mapping[Blob, bytes], fields: PathFields
) -> dict[str, Any]:
    path = paths.get(blob)
    named = {"path": None} if path is None else fields(path)
    return {**named, "digest": str(blob.digest), "size": blob.size, **cost_fields(cost)}


def named(reports: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """The periods from the last one of a name on; none if there is no such."""
    for place in range(len(reports) - 1, -1, -1):
        if reports[place].get("name") == name:
            return list(reports[place:])
    return []
