"""Samples: what the metrics of the table are at one moment; as values, and as JSON for the control socket.

Rules:
  * A sample names a metric of the table and gives each of its labels a value; anything else is a bug where it is made, and is passed over where it
    is read: the daemon may be of another version.
  * A label has at most `MOST_VALUES` values; what comes beyond is added up as `other`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from vfs.metrics.histogram import BOUNDS, Distribution
from vfs.metrics.table import BY_NAME, Kind, Metric

MOST_VALUES: Final = 32
"""Different values of one label."""

OTHER: Final = "other"

_LONGEST: Final = 64
_ODD: Final = re.compile(r"[^A-Za-z0-9_.+-]")

Value: TypeAlias = int | float | Distribution


class Sample(NamedTuple):
    """One value of a metric; `labels` in the order of the table."""

    name: str
    labels: tuple[str, ...]
    value: Value

    @property
    def metric(self) -> Metric:
        """Its row of the table."""
        return BY_NAME[self.name]


def plain_label(text: str) -> str:
    """A name as a label's value: neither a path nor a URL, short, and without odd characters."""
    if "/" in text:
        scheme, separator, _ = text.partition("://")
        text = scheme if separator else "path"
    return _ODD.sub("_", text)[:_LONGEST] or "unnamed"


class Samples:
    """Samples that are being gathered; those with equal labels are added up."""

    def __init__(self) -> None:
        self._values: dict[str, dict[tuple[str, ...], Value]] = defaultdict(dict)

    def add(self, name: str, value: Value, *labels: str) -> None:
        """Add one; raises ValueError if the table has no such metric, or other labels."""
        metric = BY_NAME.get(name)
        if metric is None or len(labels) != len(metric.labels):
            raise ValueError(f"{name}{labels}: the table of metrics has no such sample")
        if isinstance(value, Distribution) is not (metric.kind is Kind.HISTOGRAM):
            raise ValueError(f"{name}: a {metric.kind.value} cannot be {value!r}")
        known = self._values[name]
        if labels not in known and len(known) >= MOST_VALUES:
            labels = (OTHER,) * len(labels)
        known[labels] = _sum(known.get(labels), value)

    def all(self) -> list[Sample]:
        """All of them, in the order of the table."""
        return [
            Sample(name, labels, value)
            for name in BY_NAME
            for labels, value in sorted(self._values.get(name, {}).items())
        ]


def _sum(one: Value | None, other: Value) -> Value:
    if one is None:
        return other
    if isinstance(one, Distribution) and isinstance(other, Distribution):
        counts = tuple(a + b for a, b in zip(one.counts, other.counts, strict=True))
        return Distribution(counts, one.seconds + other.seconds)
    assert not isinstance(one, Distribution)
    assert not isinstance(other, Distribution)
    return one + other


def encode(samples: Iterable[Sample]) -> list[list[Any]]:
    """Samples as JSON."""
    return [
        [s.name, list(s.labels), [list(s.value.counts), s.value.seconds]]
        if isinstance(s.value, Distribution)
        else [s.name, list(s.labels), s.value]
        for s in samples
    ]


def decode(document: object) -> list[Sample]:
    """Inverse of `encode`; what cannot be understood is left out."""
    if not isinstance(document, list):
        return []
    return [sample for one in document if (sample := _decoded(one)) is not None]


def _decoded(one: object) -> Sample | None:
    match one:
        case [str(name), [*labels], int() | float() as value]:
            found: Value = value
        case [str(name), [*labels], [[*counts], int() | float() as seconds]] if (
            len(counts) == len(BOUNDS) + 1
        ):
            numbers = tuple(count for count in counts if isinstance(count, int))
            found = Distribution(numbers, float(seconds))
        case _:
            return None
    metric = BY_NAME.get(name)
    if metric is None or isinstance(found, Distribution) is not (metric.kind is Kind.HISTOGRAM):
        return None
    texts = tuple(label for label in labels if isinstance(label, str))
    whole = not isinstance(found, Distribution) or len(found.counts) == len(BOUNDS) + 1
    return Sample(name, texts, found) if whole and len(texts) == len(metric.labels) else None


class Reading:
    """Samples of one moment, to be looked up."""

    def __init__(self, samples: Iterable[Sample], when: float) -> None:
        self.when = when
        self.samples = list(samples)
        self._by_name: dict[str, dict[tuple[str, ...], Value]] = defaultdict(dict)
        for sample in self.samples:
            self._by_name[sample.name][sample.labels] = sample.value

    def labelled(self, name: str) -> Mapping[tuple[str, ...], Value]:
        """All values of a metric by its labels."""
        return self._by_name.get(name, {})

    def number(self, name: str, *labels: str) -> float:
        """A value; the sum of all if no labels are given, 0 if there is none."""
        known = self.labelled(name)
        chosen = [known[labels]] if labels in known else [] if labels else known.values()
        return sum(value for value in chosen if not isinstance(value, Distribution))

    def distribution(self, name: str, *labels: str) -> Distribution:
        """A histogram; that of all together if no labels are given."""
        total: Value = Distribution((0,) * (len(BOUNDS) + 1), 0.0)
        for key, value in self.labelled(name).items():
            if isinstance(value, Distribution) and (not labels or key == labels):
                total = _sum(total, value)
        assert isinstance(total, Distribution)
        return total
