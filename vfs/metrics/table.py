"""The one table of metrics: name, kind, unit, labels, stability, what it means.

Rules:
  * Names follow Prometheus: base units, `_total` for what only grows; so kind and unit are read off the name, unless a row says otherwise. A stable one keeps name, unit and meaning; `docs/metrics.md` is made of this.
  * Labels have few values: kinds of requests, ranks, codes, names of remotes (`vfs.metrics.samples.MOST_VALUES`). No paths, no URLs, nothing secret.
  * A new metric is a row here and a line in `vfs.daemon.measures`; tests fail if a mount does not give what the table names.
"""

from enum import Enum
from typing import Final, NamedTuple


class Kind(Enum):
    """How values behave, in Prometheus' words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Unit(Enum):
    """What values count."""

    NONE = ""
    BYTES = "bytes"
    SECONDS = "seconds"
    FLAG = "0 or 1"
    TIME = "seconds since the epoch"


class Metric(NamedTuple):
    """A row of the table.

    Attributes:
        name: as in Prometheus.
        kind: how it behaves.
        unit: of its values.
        group: heading under which people find it.
        title: in a line of `vfs stats`.
        help: one sentence without a full stop.
        labels: names of its labels.
        stable: whether name, unit and meaning are kept.
    """

    name: str
    kind: Kind
    unit: Unit
    group: str
    title: str
    help: str
    labels: tuple[str, ...] = ()
    stable: bool = True


MOUNT: Final = "mount"
REQUESTS: Final = "requests"
WAITING: Final = "waiting"
FETCHING: Final = "fetching"
REMOTES: Final = "remotes"
CACHE: Final = "cache"
PROCESS: Final = "process"


def _row(
    name: str,
    title: str,
    told: str,
    *labels: str,
    kind: Kind | None = None,
    unit: Unit | None = None,
    stable: bool = True,
) -> Metric:
    """A row whose group is given by where it stands."""
    kind = kind or (Kind.COUNTER if name.endswith("_total") else Kind.GAUGE)
    unit = unit or next(
        (one for one in (Unit.BYTES, Unit.SECONDS) if f"_{one.value}" in name), Unit.NONE
    )
    return Metric(name, kind, unit, "", title, told, labels, stable)


_ROWS: Final[dict[str, tuple[Metric, ...]]] = {
    MOUNT: (
        _row("vfs_build_info", "version",
             "always 1; the labels tell the version of vfs and how it talks to the kernel", "version", "transport"),
        _row("vfs_start_time_seconds", "mounted at",
             "when the mount was made", unit=Unit.TIME),
        _row("vfs_switches_total", "switches",
             "snapshots that were shown after the first one"),
        _row("vfs_snapshot_files", "files shown",
             "files in the snapshot that is shown"),
        _row("vfs_snapshot_bytes", "size shown",
             "size of all files in the snapshot that is shown"),
        _row("vfs_snapshot_problems", "paths that cannot be served",
             "paths of the snapshot that cannot be served"),
        _row("vfs_inodes", "names held by the kernel",
             "inodes that the kernel holds"),
    ),
    REQUESTS: (
        _row("vfs_requests_total", "requests",
             "requests of the kernel, by kind; what it answers from its own caches is not seen here", "op"),
        _row("vfs_request_errors_total", "failed requests",
             "requests that ended in an error; an absent name or attribute is none"),
        _row("vfs_read_bytes_total", "bytes read",
             "bytes handed out in answers to reads"),
        _row("vfs_pushed_files_total", "files given at open",
             "small files given to the kernel when they were opened, so that no read came"),
        _row("vfs_pushed_bytes_total", "bytes given at open",
             "bytes of those files"),
    ),
    WAITING: (
        _row("vfs_cache_hits_total", "reads that were hits",
             "reads whose bytes were on this machine when they came"),
        _row("vfs_cache_misses_total", "reads that were misses",
             "reads whose bytes were neither in the cache nor in a local file when they came"),
        _row("vfs_read_wait_seconds", "waits of reads",
             "how long reads took that could not be answered at once, from a disk or a network", kind=Kind.HISTOGRAM),
        _row("vfs_reader_stall_seconds_total", "time readers waited",
             "time that readers waited for bytes that were not at hand; those that wait now are included"),
        _row("vfs_readers_waiting", "readers waiting now",
             "reads that wait now"),
    ),
    FETCHING: (
        _row("vfs_fetch_requests_total", "requests to places",
             "requests to remotes and other places, each for a run of blocks"),
        _row("vfs_fetch_failures_total", "failed requests to places",
             "requests to places that ended in an error"),
        _row("vfs_fetch_retries_total", "repeated requests",
             "requests repeated at another place, or for another version"),
        _row("vfs_fetch_timeouts_total", "reads that gave up",
             "reads that ended because no place answered before the deadline"),
        _row("vfs_fetch_shortened_total", "shortened requests",
             "requests cut short because a reader needed their end at once", stable=False),
        _row("vfs_fetched_bytes_total", "bytes fetched",
             "bytes that came from places, by why they were asked for", "rank"),
        _row("vfs_stored_bytes_total", "bytes kept",
             "bytes of those that went into the cache"),
        _row("vfs_unstored_bytes_total", "bytes not kept",
             "bytes of those that did not: read in place, or the cache took nothing"),
        _row("vfs_wrong_contents_total", "wrong contents",
             "contents whose bytes were not those that their digest names"),
        _row("vfs_inflight_bytes", "bytes in flight",
             "bytes asked for and not yet handed on"),
        _row("vfs_inflight_requests", "requests in flight",
             "requests to places that run now"),
        _row("vfs_queued_requests", "requests that wait",
             "requests that wait for a slot or for their places"),
        _row("vfs_memory_cached_bytes", "bytes kept in memory",
             "bytes of blocks kept in memory because the cache did not take them", stable=False),
        _row("vfs_budget_bytes", "budget",
             "most bytes in flight and kept in memory (`transfer.memory`)"),
    ),
    REMOTES: (
        _row("vfs_remote_requests_total", "requests",
             "requests that remotes were sent, each attempt", "remote"),
        _row("vfs_remote_hedges_total", "second requests",
             "requests among those that were sent for what was late (`transfer.hedge`)", "remote"),
        _row("vfs_remote_hedges_won_total", "second requests that won",
             "second requests whose answer came first", "remote"),
        _row("vfs_remote_received_bytes_total", "bytes received",
             "bytes of objects that remotes sent", "remote"),
        _row("vfs_remote_wasted_bytes_total", "bytes received in vain",
             "bytes of those that a second request brought once more", "remote"),
        _row("vfs_remote_sent_bytes_total", "bytes sent",
             "bytes of objects that remotes were sent, where their number is known beforehand", "remote"),
        _row("vfs_remote_errors_total", "errors",
             "failed attempts, by the code of their error", "remote", "code"),
        _row("vfs_remote_pending_requests", "requests without answer",
             "requests that have no answer yet", "remote"),
        _row("vfs_remote_request_seconds", "time to an answer",
             "time from a request to the head of its answer", "remote", kind=Kind.HISTOGRAM),
    ),
    CACHE: (
        _row("vfs_cache_bytes", "used",
             "bytes of the chunk cache, which all mounts of a user share"),
        _row("vfs_cache_limit_bytes", "limit",
             "most bytes that it may take (`cache.limit`)"),
        _row("vfs_cache_chunks", "chunks",
             "chunks in the cache"),
        _row("vfs_cache_evicted_chunks_total", "chunks given up",
             "chunks given up to make room, by whichever process"),
        _row("vfs_cache_corrupt_chunks_total", "damaged chunks",
             "chunks that this mount found damaged and dropped"),
        _row("vfs_cache_writable", "writable",
             "whether this mount can cache at all", unit=Unit.FLAG),
        _row("vfs_cache_suspended", "suspended",
             "whether nothing is cached for the moment because there is no room", unit=Unit.FLAG),
    ),
    PROCESS: (
        _row("vfs_resident_memory_bytes", "resident memory",
             "resident memory of the mount's process"),
        _row("vfs_cpu_seconds_total", "processor time",
             "processor time of the mount's process"),
        _row("vfs_open_descriptors", "open descriptors",
             "file descriptors that are open"),
        _row("vfs_descriptors_limit", "descriptors allowed",
             "file descriptors that may be open"),
        _row("vfs_threads", "threads",
             "threads of the process", stable=False),
        _row("vfs_log_records_total", "warnings and errors",
             "warnings and errors in the log, also those left out because there were too many", "level"),
    ),
}  # fmt: skip

GROUPS: Final = tuple(_ROWS)
METRICS: Final = tuple(row._replace(group=group) for group, rows in _ROWS.items() for row in rows)
BY_NAME: Final = {metric.name: metric for metric in METRICS}
