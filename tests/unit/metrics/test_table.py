"""The table follows Prometheus' rules, and the pages made of it are true."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from promql_parser import parse

from vfs.metrics import dashboard, page
from vfs.metrics.table import BY_NAME, GROUPS, METRICS, Kind, Metric, Unit

ROOT = Path(__file__).parents[3]
DASHBOARD = ROOT / "docker" / "grafana" / "vfs.json"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_named_as_prometheus_asks(metric: Metric) -> None:
    assert re.fullmatch(r"vfs(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)
    for unit in (Unit.BYTES, Unit.SECONDS):
        assert (f"_{unit.value}" in metric.name) is (
            metric.unit is unit or (unit, metric.unit) == (Unit.SECONDS, Unit.TIME)
        )
    assert metric.group in GROUPS
    assert not metric.help.endswith(".")
    assert "|" not in metric.help
    assert all(re.fullmatch("[a-z]+", label) and label != "le" for label in metric.labels)


def test_no_name_is_given_twice() -> None:
    assert len(BY_NAME) == len(METRICS)


def test_the_page_is_the_table() -> None:
    told = (ROOT / "docs" / "metrics.md").read_text()
    assert told == page.render(), "run: python -m vfs.metrics.page > docs/metrics.md"


def test_the_dashboard_is_made_of_the_table() -> None:
    told = DASHBOARD.read_text()
    assert told == dashboard.render(), (
        "run: python -m vfs.metrics.dashboard > docker/grafana/vfs.json"
    )


def _expressions() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"].replace("$__rate_interval", "5m")


@pytest.mark.parametrize("expression", list(_expressions()))
def test_an_expression_is_promql_over_metrics_of_the_table(expression: str) -> None:
    parse(expression)
    named = re.findall(r"\bvfs_[a-z_]+", expression)
    assert named
    for name in named:
        plain = name.removesuffix("_bucket")
        assert BY_NAME[plain].kind is (Kind.HISTOGRAM if plain != name else BY_NAME[name].kind)
        rated = f"rate({name}" in expression
        assert rated is (BY_NAME[plain].kind is not Kind.GAUGE)
    by = {
        label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")
    }
    known = {"instance", "le"} | {
        label for name in named for label in BY_NAME[name.removesuffix("_bucket")].labels
    }
    assert by <= known


def test_grafana_knows_every_field() -> None:
    """By the model that Grafana publishes for programs: what it does not know would be lost on the way through."""
    register_default_plugins()
    document = json.loads(DASHBOARD.read_text())
    through = json.loads(json.dumps(Dashboard.from_json(document), cls=JSONEncoder))
    assert list(_lost(document, through)) == []


def _lost(one: Any, other: Any, where: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key, value in one.items():
            yield from _lost(value, other.get(key, "lost"), f"{where}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (value, found) in enumerate(zip(one, other, strict=True)):
            yield from _lost(value, found, f"{where}/{number}")
    elif one != other:
        yield f"{where}: {one!r} became {other!r}"


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken
        taken |= cells
