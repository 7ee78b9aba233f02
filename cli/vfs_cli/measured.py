"""Metrics of mounts for `stats` and `top`: asking a daemon, and writing values for people."""

import math
import time

from vfs.control.client import call
from vfs.control.registry import MountRecord
from vfs.metrics.histogram import Distribution
from vfs.metrics.samples import Reading, Value, decode
from vfs.metrics.table import Unit
from vfs_cli.text import date, format_size

ANSWER_SECONDS = 5.0


def read(record: MountRecord) -> Reading:
    """The samples of a mount now; raises DaemonError if it does not answer."""
    answer = call(record, "metrics", timeout=ANSWER_SECONDS)
    return Reading(decode(answer.get("samples")), time.time())


def duration(seconds: float) -> str:
    """`0.3 ms`, `12 ms`, `1.4 s`, `3 min`."""
    if math.isinf(seconds):
        return "longer"
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def rate_of(size: float) -> str:
    """Bytes a second."""
    return f"{format_size(int(size))}/s"


def shown(value: Value, unit: Unit) -> str:
    """A value for people."""
    if isinstance(value, Distribution):
        return _spread(value)
    if unit is Unit.BYTES:
        return format_size(int(value))
    if unit is Unit.SECONDS:
        return duration(value)
    if unit is Unit.FLAG:
        return "yes" if value else "no"
    if unit is Unit.TIME:
        return date(value)
    return f"{value:,.0f}".replace(",", " ")


def _spread(value: Distribution) -> str:
    if not value.number:
        return "none"
    mean = duration(value.seconds / value.number)
    half, most = (duration(value.percentile(percent)) for percent in (50, 99))
    return f"{value.number} of {mean} in the mean; half up to {half}, 99 % up to {most}"
