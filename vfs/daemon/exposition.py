"""Samples as text for Prometheus, by prometheus-client, in the format that a scraper asks for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from vfs.metrics.histogram import BOUNDS, Distribution
from vfs.metrics.samples import Sample
from vfs.metrics.table import BY_NAME, Kind, Metric


class Encoder(NamedTuple):
    """How an answer is written, and its `Content-Type`."""

    encode: Callable[[Sequence[Sample]], bytes]
    content_type: str


def encoder_for(accept: str) -> Encoder:
    """The encoder for the value of an `Accept` header."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.metrics_core import Metric as Family
    from prometheus_client.registry import Collector

    encode, content_type = choose_encoder(accept)

    class Taken(Collector):
        def __init__(self, samples: Sequence[Sample]) -> None:
            self._samples = samples

        def collect(self) -> Iterator[Family]:
            for metric, values in _grouped(self._samples):
                family = Family(_family_name(metric), metric.help, metric.kind.value)
                for sample in values:
                    for suffix, labels, value in _rows(metric, sample):
                        family.add_sample(_family_name(metric) + suffix, labels, value)
                yield family

    def encoded(samples: Sequence[Sample]) -> bytes:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Taken(samples))
        return encode(registry)

    return Encoder(encoded, content_type)


def _grouped(samples: Iterable[Sample]) -> Iterator[tuple[Metric, list[Sample]]]:
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    return ((BY_NAME[name], values) for name, values in by_name.items())


def _family_name(metric: Metric) -> str:
    return metric.name.removesuffix("_total") if metric.kind is Kind.COUNTER else metric.name


def _rows(metric: Metric, sample: Sample) -> Iterator[tuple[str, dict[str, str], float]]:
    """Suffix of the name, labels and value of each line that a sample takes."""
    labels = dict(zip(metric.labels, sample.labels, strict=True))
    if not isinstance(sample.value, Distribution):
        yield "_total" if metric.kind is Kind.COUNTER else "", labels, sample.value
        return
    counts, total = sample.value.counts, 0
    for bound, count in zip((*map(repr, BOUNDS), "+Inf"), counts, strict=True):
        total += count
        yield "_bucket", labels | {"le": bound}, total
    yield "_count", labels, total
    yield "_sum", labels, sample.value.seconds
