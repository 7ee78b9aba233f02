"""The one table of metrics: name, kind, unit, labels, stability, what it means.

Rules:
  * Names follow Prometheus: base units, `_total` for what only grows. A stable one keeps name, unit and meaning; `docs/metrics.md` is made of this.
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

GROUPS: Final = (MOUNT, REQUESTS, WAITING, FETCHING, REMOTES, CACHE, PROCESS)

_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
_N, _B, _S = Unit.NONE, Unit.BYTES, Unit.SECONDS

METRICS: Final = (
    Metric("vfs_build_info", _G, _N, MOUNT, "version",
           "always 1; the labels tell the version of vfs and how it talks to the kernel", ("version", "transport")),
    Metric("vfs_start_time_seconds", _G, Unit.TIME, MOUNT, "mounted at",
           "when the mount was made"),
    Metric("vfs_switches_total", _C, _N, MOUNT, "switches",
           "snapshots that were shown after the first one"),
    Metric("vfs_snapshot_files", _G, _N, MOUNT, "files shown",
           "files in the snapshot that is shown"),
    Metric("vfs_snapshot_bytes", _G, _B, MOUNT, "size shown",
           "size of all files in the snapshot that is shown"),
    Metric("vfs_snapshot_problems", _G, _N, MOUNT, "paths that cannot be served",
           "paths of the snapshot that cannot be served"),
    Metric("vfs_inodes", _G, _N, MOUNT, "names held by the kernel",
           "inodes that the kernel holds"),

    Metric("vfs_requests_total", _C, _N, REQUESTS, "requests",
           "requests of the kernel, by kind; what it answers from its own caches is not seen here", ("op",)),
    Metric("vfs_request_errors_total", _C, _N, REQUESTS, "failed requests",
           "requests that ended in an error; an absent name or attribute is none"),
    Metric("vfs_read_bytes_total", _C, _B, REQUESTS, "bytes read",
           "bytes handed out in answers to reads"),
    Metric("vfs_pushed_files_total", _C, _N, REQUESTS, "files given at open",
           "small files given to the kernel when they were opened, so that no read came"),
    Metric("vfs_pushed_bytes_total", _C, _B, REQUESTS, "bytes given at open",
           "bytes of those files"),

    Metric("vfs_cache_hits_total", _C, _N, WAITING, "reads that were hits",
           "reads whose bytes were on this machine when they came"),
    Metric("vfs_cache_misses_total", _C, _N, WAITING, "reads that were misses",
           "reads whose bytes were neither in the cache nor in a local file when they came"),
    Metric("vfs_read_wait_seconds", _H, _S, WAITING, "waits of reads",
           "how long reads took that could not be answered at once, from a disk or a network"),
    Metric("vfs_reader_stall_seconds_total", _C, _S, WAITING, "time readers waited",
           "time that readers waited for bytes that were not at hand; those that wait now are included"),
    Metric("vfs_readers_waiting", _G, _N, WAITING, "readers waiting now",
           "reads that wait now"),

    Metric("vfs_fetch_requests_total", _C, _N, FETCHING, "requests to places",
           "requests to remotes and other places, each for a run of blocks"),
    Metric("vfs_fetch_failures_total", _C, _N, FETCHING, "failed requests to places",
           "requests to places that ended in an error"),
    Metric("vfs_fetch_retries_total", _C, _N, FETCHING, "repeated requests",
           "requests repeated at another place, or for another version"),
    Metric("vfs_fetch_timeouts_total", _C, _N, FETCHING, "reads that gave up",
           "reads that ended because no place answered before the deadline"),
    Metric("vfs_fetch_shortened_total", _C, _N, FETCHING, "shortened requests",
           "requests cut short because a reader needed their end at once", stable=False),
    Metric("vfs_fetched_bytes_total", _C, _B, FETCHING, "bytes fetched",
           "bytes that came from places, by why they were asked for", ("rank",)),
    Metric("vfs_stored_bytes_total", _C, _B, FETCHING, "bytes kept",
           "bytes of those that went into the cache"),
    Metric("vfs_unstored_bytes_total", _C, _B, FETCHING, "bytes not kept",
           "bytes of those that did not: read in place, or the cache took nothing"),
    Metric("vfs_wrong_contents_total", _C, _N, FETCHING, "wrong contents",
           "contents whose bytes were not those that their digest names"),
    Metric("vfs_inflight_bytes", _G, _B, FETCHING, "bytes in flight",
           "bytes asked for and not yet handed on"),
    Metric("vfs_inflight_requests", _G, _N, FETCHING, "requests in flight",
           "requests to places that run now"),
    Metric("vfs_queued_requests", _G, _N, FETCHING, "requests that wait",
           "requests that wait for a slot or for their places"),
    Metric("vfs_memory_cached_bytes", _G, _B, FETCHING, "bytes kept in memory",
           "bytes of blocks kept in memory because the cache did not take them", stable=False),
    Metric("vfs_budget_bytes", _G, _B, FETCHING, "budget",
           "most bytes in flight and kept in memory (`transfer.memory`)"),

    Metric("vfs_remote_requests_total", _C, _N, REMOTES, "requests",
           "requests that remotes were sent, each attempt", ("remote",)),
    Metric("vfs_remote_received_bytes_total", _C, _B, REMOTES, "bytes received",
           "bytes of objects that remotes sent", ("remote",)),
    Metric("vfs_remote_errors_total", _C, _N, REMOTES, "errors",
           "failed attempts, by the code of their error", ("remote", "code")),
    Metric("vfs_remote_pending_requests", _G, _N, REMOTES, "requests without answer",
           "requests that have no answer yet", ("remote",)),
    Metric("vfs_remote_request_seconds", _H, _S, REMOTES, "time to an answer",
           "time from a request to the head of its answer", ("remote",)),

    Metric("vfs_cache_bytes", _G, _B, CACHE, "used",
           "bytes of the chunk cache, which all mounts of a user share"),
    Metric("vfs_cache_limit_bytes", _G, _B, CACHE, "limit",
           "most bytes that it may take (`cache.limit`)"),
    Metric("vfs_cache_chunks", _G, _N, CACHE, "chunks",
           "chunks in the cache"),
    Metric("vfs_cache_evicted_chunks_total", _C, _N, CACHE, "chunks given up",
           "chunks given up to make room, by whichever process"),
    Metric("vfs_cache_corrupt_chunks_total", _C, _N, CACHE, "damaged chunks",
           "chunks that this mount found damaged and dropped"),
    Metric("vfs_cache_writable", _G, Unit.FLAG, CACHE, "writable",
           "whether this mount can cache at all"),
    Metric("vfs_cache_suspended", _G, Unit.FLAG, CACHE, "suspended",
           "whether nothing is cached for the moment because there is no room"),

    Metric("vfs_resident_memory_bytes", _G, _B, PROCESS, "resident memory",
           "resident memory of the mount's process"),
    Metric("vfs_cpu_seconds_total", _C, _S, PROCESS, "processor time",
           "processor time of the mount's process"),
    Metric("vfs_open_descriptors", _G, _N, PROCESS, "open descriptors",
           "file descriptors that are open"),
    Metric("vfs_descriptors_limit", _G, _N, PROCESS, "descriptors allowed",
           "file descriptors that may be open"),
    Metric("vfs_threads", _G, _N, PROCESS, "threads",
           "threads of the process", stable=False),
    Metric("vfs_log_records_total", _C, _N, PROCESS, "warnings and errors",
           "warnings and errors in the log, also those left out because there were too many", ("level",)),
)  # fmt: skip

BY_NAME: Final = {metric.name: metric for metric in METRICS}
