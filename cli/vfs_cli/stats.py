"""`vfs stats`: every figure of a mount, for people and programs."""

import os
import sys
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click

from vfs.control.registry import MountRecord, find_mounts
from vfs.errors import NoSuchMount
from vfs.metrics.histogram import BOUNDS, Distribution
from vfs.metrics.samples import Reading, Sample
from vfs.metrics.table import GROUPS, Kind, Metric
from vfs_cli.exits import MOUNT
from vfs_cli.group import VerbCommand
from vfs_cli.measured import read, shown
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import MOUNT_POINT, Seconds
from vfs_cli.target import mounted

_WIDTH = 28
"""Of what stands before a value."""


@click.command(
    "stats",
    cls=VerbCommand,
    examples=(
        ("vfs stats /mnt/data", "what it was asked, fetched, waited for, and takes, since it was made"),
        ("vfs stats", "of the mount of this directory or repository, or of the only one there is"),
        ("vfs stats --interval 10", "what changed within each 10 seconds, until Ctrl-C"),
        ("vfs stats --json | jq 'select(.name == \"vfs_read_bytes_total\").value'", "one figure"),
    ),
    exits=MOUNT,
)  # fmt: skip
@click.argument("mountpoint", type=MOUNT_POINT, required=False, metavar="[MOUNTPOINT]")
@click.option(
    "--interval", type=Seconds(0.1, 86400), metavar="SECONDS",
    help="Go on until Ctrl-C; with text, tell what changed within each interval.",
)  # fmt: skip
@click.option(
    "--count", type=click.IntRange(1), metavar="N", help="With --interval: end after so many times."
)
@json_option
def command(
    mountpoint: str | None, interval: float | None, count: int | None, as_json: bool
) -> None:
    """Show every figure of a mount: the metrics that `vfs mount --metrics-listen` gives to Prometheus.

    docs/metrics.md says what each means. With --json each sample is an object (`name`, `labels`, `value`; a histogram has `buckets`,
    `sum` and `count`), counted since the mount was made, with --interval too.
    """
    output = Output(as_json)
    record = the_mount(mountpoint)
    earlier: Reading | None = None
    for _ in _times(interval, count):
        reading = read(record)
        if output.json:
            _documents(output, record, reading)
        elif interval is None or earlier is not None:
            _text(output, record, reading, earlier)
        earlier = reading
        sys.stdout.flush()


def the_mount(mountpoint: str | None) -> MountRecord:
    """The mount that is named, else that of this directory, else the only one there is.

    Raises:
        NoSuchMount: none fits, or several do.
        DaemonError: the daemon of the one that fits is gone.
    """
    try:
        return mounted(mountpoint, Path.cwd())
    except NoSuchMount:
        records = find_mounts()
        if mountpoint is not None or len(records) != 1:
            raise
        return records[0]


def _times(interval: float | None, count: int | None) -> Iterator[None]:
    """Once, or at intervals: one more time than is told, since changes are told."""
    yield
    told, due = 0, time.monotonic()
    while interval is not None and (count is None or told < count):
        due = max(due + interval, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        yield
        told += 1


def _documents(output: Output, record: MountRecord, reading: Reading) -> None:
    for sample in reading.samples:
        fields = {
            "time": round(reading.when, 3),
            "mountpoint": os.fspath(record.mountpoint),
            "name": sample.name,
            "labels": dict(zip(sample.metric.labels, sample.labels, strict=True)),
        }
        if isinstance(sample.value, Distribution):
            bounds = (*map(repr, BOUNDS), "+Inf")
            buckets = dict(zip(bounds, sample.value.counts, strict=True))
            spread = {"buckets": buckets, "sum": sample.value.seconds, "count": sample.value.number}
            output.document("metric", fields | spread)
        else:
            output.document("metric", fields | {"value": sample.value})


def _text(output: Output, record: MountRecord, reading: Reading, earlier: Reading | None) -> None:
    if earlier is None:
        output.line(f"{record.mountpoint} shows {record.rev}")
    else:
        seconds = reading.when - earlier.when
        output.line(f"{record.mountpoint} shows {record.rev}: the last {seconds:.1f} s")
    changed = reading.samples if earlier is None else list(_changes(reading, earlier))
    for group in GROUPS:
        lines = [sample for sample in changed if sample.metric.group == group]
        if lines:
            output.line(f"{group}:")
        for metric, samples in groupby(lines, key=lambda sample: sample.metric):
            _metric(output, metric, list(samples))


def _changes(reading: Reading, earlier: Reading) -> Iterator[Sample]:
    """Samples of what happened in between; what does not only grow is as it is now."""
    for sample in reading.samples:
        before = earlier.labelled(sample.name).get(sample.labels)
        value = sample.value
        if sample.metric.kind is Kind.GAUGE or before is None:
            yield sample
        elif isinstance(value, Distribution):
            assert isinstance(before, Distribution)
            yield sample._replace(value=value.since(before))
        else:
            assert not isinstance(before, Distribution)
            yield sample._replace(value=value - before)


def _metric(output: Output, metric: Metric, samples: list[Sample]) -> None:
    if metric.name == "vfs_build_info":
        output.line(f"  {metric.title:<{_WIDTH}} {', '.join(samples[0].labels)}")
        return
    if not metric.labels:
        output.line(f"  {metric.title:<{_WIDTH}} {shown(samples[0].value, metric.unit)}")
        return
    told = [f"{' '.join(one.labels)} {shown(one.value, metric.unit)}" for one in samples]
    if metric.kind is Kind.HISTOGRAM:
        for text in told:
            output.line(f"  {metric.title:<{_WIDTH}} {text}")
    else:
        output.line(f"  {metric.title:<{_WIDTH}} {', '.join(told)}")
