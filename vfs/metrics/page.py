"""The page `docs/metrics.md`, made from the table: `python -m vfs.metrics.page > docs/metrics.md`."""

import sys

from vfs.metrics.histogram import BOUNDS
from vfs.metrics.table import GROUPS, METRICS, Metric, Unit

_HEAD = """\
# Metrics

What a mount measures. Made from `vfs/metrics/table.py` by `python -m vfs.metrics.page`; a test compares.

| | |
|---|---|
| `vfs top [MOUNTPOINT]` | live: what mounts do a second, who waits, the files that are read most |
| `vfs stats [MOUNTPOINT]` | every figure since the mount was made; `--interval` what changes, `--json` for programs |
| `vfs mount --metrics-listen ADDR` | the same for Prometheus; also the setting `metrics.listen` |
| [docker/grafana](../docker/grafana/README.md) | a dashboard for Grafana, and how Prometheus is told of a mount |

## For Prometheus

`ADDR` is `HOST:PORT`, `:PORT` or `PORT` (of this machine alone), port 0 for any that is free, or the path of a Unix socket (mode 0600). `vfs status MOUNTPOINT` says where the
metrics are. Each mount needs an address of its own: if the one on the command line is taken, nothing is mounted; if that of a configuration file is, the mount goes
on without and its log says so. There is no password: who can reach the address can read the figures. They hold no paths, no URLs and no secrets; a remote is called by its
name in the configuration, one that has none by the scheme of its URL. `vfs mount` and `vfs status` say so of an address that other machines can reach.

Whoever asks, asks without waiting readers: figures of the event loop are taken on it in one short step, the others in a thread. At most 8 scrapers are served at once, each for 10 seconds;
then its connection is cut. Answers are 0.05 seconds apart at least, and of a request no more than 16 KiB is read.

## What is counted, and what is not

- Requests are what the kernel asks. What it has in its page cache, and names it remembers, it answers itself; nobody sees that here.
- A *hit* is a read whose bytes were on this machine when it came: in the cache, in a local file, in memory. Read-ahead makes hits. A read of what is just arriving is a miss.
- *Waiting* is timed for reads that cannot be answered at once, from a disk or a network; others are only counted. `vfs_reader_stall_seconds_total` grows while a
  reader waits, the histogram when it has waited. Divided by time it is the mean number of readers that wait.
- `vfs_fetched_bytes_total` has ranks: `demand` (a reader waited), `read_ahead`, `warm_up` (`vfs prefetch` and the like), `along` (small files that came with an answer for another). Bytes of files: what packed remotes sent for them
  is less, and in `vfs_remote_received_bytes_total`.
- Counters begin at 0 with each mount, those of the cache (`vfs_cache_evicted_chunks_total`) with the cache.
- A label has at most 32 values; what comes beyond is added up as `other`.

*Stable* metrics keep name, unit and meaning. Others may change or go with a line in the [changelog](../CHANGELOG.md).
"""

_TAIL = """
Bounds of the histograms' buckets, in seconds (powers of two): {bounds}.
"""


def render() -> str:
    """The whole page."""
    parts = [_HEAD]
    for group in GROUPS:
        parts.append(f"\n## {group.capitalize()}\n\n| metric | kind | unit | labels | meaning |\n")
        parts.append("|---|---|---|---|---|\n")
        parts += [_row(metric) for metric in METRICS if metric.group == group]
    parts.append(_TAIL.format(bounds=", ".join(f"{bound:.4g}" for bound in BOUNDS)))
    return "".join(parts)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    unit = "" if metric.unit is Unit.NONE else metric.unit.value
    help_text = metric.help if metric.stable else f"{metric.help} (not stable)"
    return f"| `{metric.name}` | {metric.kind.value} | {unit} | {labels} | {help_text} |\n"


if __name__ == "__main__":
    sys.stdout.write(render())
