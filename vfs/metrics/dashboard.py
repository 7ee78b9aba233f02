"""The dashboard for Grafana, `docker/grafana/vfs.json`: `python -m vfs.metrics.dashboard > docker/grafana/vfs.json`.

Rule: expressions use metrics of the table only, and of each what its kind allows: `rate` of counters, quantiles of histograms, gauges as they are.
"""

import json
import sys
from typing import Any, Final, NamedTuple

from vfs.metrics.table import BY_NAME, Kind, Metric

_SCHEMA: Final = 39
"""Version of Grafana's dashboard model (Grafana 11); later ones read it and bring it up to date."""

_WIDTH: Final = 24
_HEIGHT: Final = 8
_CHOSEN: Final = '{instance=~"$instance"}'
_DATA: Final = {"type": "prometheus", "uid": "${datasource}"}


class Query(NamedTuple):
    """An expression and what its lines are called."""

    expression: str
    legend: str


class Panel(NamedTuple):
    """One picture: its title, Grafana's unit, and what is drawn."""

    title: str
    unit: str
    queries: tuple[Query, ...]


def _rate(name: str, *by: str) -> str:
    _of(name, Kind.COUNTER)
    return f"sum by ({', '.join(by or ('instance',))}) (rate({name}{_CHOSEN}[$__rate_interval]))"


def _now(name: str) -> str:
    _of(name, Kind.GAUGE)
    return f"sum by (instance) ({name}{_CHOSEN})"


def _quantile(name: str, quantile: float, *by: str) -> str:
    _of(name, Kind.HISTOGRAM)
    inner = f"sum by ({', '.join(('le', *by))}) (rate({name}_bucket{_CHOSEN}[$__rate_interval]))"
    return f"histogram_quantile({quantile}, {inner})"


def _of(name: str, kind: Kind) -> Metric:
    metric = BY_NAME[name]
    if metric.kind is not kind:
        raise ValueError(f"{name} is a {metric.kind.value}, not a {kind.value}")
    return metric


def _line(name: str, *by: str) -> Query:
    return Query(_rate(name, *by), " ".join(f"{{{{{label}}}}}" for label in by or ("instance",)))


def _titled(name: str, expression: str) -> Query:
    return Query(expression, f"{{{{instance}}}} {BY_NAME[name].title}")


def _hits() -> Query:
    hits, misses = _rate("vfs_cache_hits_total"), _rate("vfs_cache_misses_total")
    return Query(f"{hits} / ({hits} + {misses})", "{{instance}}")


def _sections() -> tuple[tuple[str, tuple[Panel, ...]], ...]:
    """Headings and what is below them."""
    read = f"{_rate('vfs_read_bytes_total')} + {_rate('vfs_pushed_bytes_total')}"
    failures = (
        "vfs_request_errors_total", "vfs_fetch_failures_total", "vfs_fetch_timeouts_total",
        "vfs_wrong_contents_total", "vfs_cache_corrupt_chunks_total",
    )  # fmt: skip
    flight = ("vfs_inflight_bytes", "vfs_memory_cached_bytes", "vfs_budget_bytes")
    return (
        ("What programs see", (
            Panel("Bytes read", "Bps", (Query(read, "{{instance}}"),)),
            Panel("Requests of the kernel", "reqps", (_line("vfs_requests_total", "op"),)),
            Panel("Reads that were hits", "percentunit", (_hits(),)),
            Panel("Readers waiting, in the mean", "short", (
                Query(_rate("vfs_reader_stall_seconds_total"), "{{instance}}"),)),
            Panel("Time that reads waited", "s", (
                Query(_quantile("vfs_read_wait_seconds", 0.5), "half"),
                Query(_quantile("vfs_read_wait_seconds", 0.99), "99 %"),)),
            Panel("Failures", "cps", tuple(_titled(name, _rate(name)) for name in failures)),
        )),
        ("Where bytes come from", (
            Panel("Bytes fetched, by why", "Bps", (_line("vfs_fetched_bytes_total", "rank"),)),
            Panel("Bytes from remotes", "Bps", (_line("vfs_remote_received_bytes_total", "remote"),)),
            Panel("Requests to remotes", "reqps", (
                _line("vfs_remote_requests_total", "remote"),
                Query(_rate("vfs_remote_hedges_total", "remote"), "{{remote}} asked twice"),)),
            Panel("Time until remotes answer", "s", (
                Query(_quantile("vfs_remote_request_seconds", 0.5, "remote"), "{{remote}} half"),
                Query(_quantile("vfs_remote_request_seconds", 0.99, "remote"), "{{remote}} 99 %"),)),
            Panel("Errors of remotes", "cps", (_line("vfs_remote_errors_total", "remote", "code"),)),
            Panel("Bytes in flight", "bytes", tuple(_titled(name, _now(name)) for name in flight)),
        )),
        ("What it takes", (
            Panel("Chunk cache", "bytes", tuple(
                _titled(name, _now(name)) for name in ("vfs_cache_bytes", "vfs_cache_limit_bytes"))),
            Panel("Chunks given up", "cps", (_line("vfs_cache_evicted_chunks_total"),)),
            Panel("Resident memory", "bytes", (Query(_now("vfs_resident_memory_bytes"), "{{instance}}"),)),
            Panel("Processors", "short", (_line("vfs_cpu_seconds_total"),)),
            Panel("Descriptors and inodes", "short", tuple(
                _titled(name, _now(name)) for name in ("vfs_open_descriptors", "vfs_inodes"))),
            Panel("Warnings, and paths that cannot be served", "short", (
                _titled("vfs_log_records_total", _rate("vfs_log_records_total")),
                _titled("vfs_snapshot_problems", _now("vfs_snapshot_problems")),)),
        )),
    )  # fmt: skip


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana's model."""
    panels: list[dict[str, Any]] = []
    top = 0
    for heading, below in _sections():
        place = {"h": 1, "w": _WIDTH, "x": 0, "y": top}
        number = len(panels) + 1
        panels.append({"id": number, "type": "row", "title": heading, "collapsed": False, "gridPos": place, "panels": []})  # fmt: skip
        top += 1
        width = _WIDTH // 3
        for position, panel in enumerate(below):
            spot = {"x": position % 3 * width, "y": top + position // 3 * _HEIGHT}
            panels.append(_panel(panel, len(panels) + 1, spot | {"w": width, "h": _HEIGHT}))
        top += -(-len(below) // 3) * _HEIGHT
    return {
        "uid": "vfs-mounts",
        "title": "vfs mounts",
        "description": "What mounts of vfs are asked, fetch, wait for and take; docs/metrics.md says what each figure means.",
        "tags": ["vfs"],
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "schemaVersion": _SCHEMA,
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_source(), _instances()]},
        "panels": panels,
    }


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _DATA,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {"refId": chr(ord("A") + position), "datasource": _DATA, "expr": query.expression, "legendFormat": query.legend}
            for position, query in enumerate(panel.queries)
        ],
    }  # fmt: skip


def _source() -> dict[str, Any]:
    return {
        "name": "datasource",
        "type": "datasource",
        "query": "prometheus",
        "label": "Prometheus",
    }


def _instances() -> dict[str, Any]:
    return {
        "name": "instance",
        "type": "query",
        "label": "Mount",
        "datasource": _DATA,
        "query": "label_values(vfs_build_info, instance)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"selected": True, "text": "All", "value": "$__all"},
    }


def render() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
