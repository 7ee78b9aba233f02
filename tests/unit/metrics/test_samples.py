"""Samples: they fit the table, survive the control socket, and their labels are few and plain."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.metrics import BOUNDS, Distribution
from vfs.metrics.samples import (
    MOST_VALUES,
    OTHER,
    Reading,
    Sample,
    Samples,
    decode,
    encode,
    plain_label,
)
from vfs.metrics.table import METRICS, Kind, Metric

counts = st.lists(st.integers(0, 1 << 40), min_size=len(BOUNDS) + 1, max_size=len(BOUNDS) + 1)
numbers = st.integers(0, 1 << 60) | st.floats(0, 1e15)
spreads = st.builds(Distribution, counts.map(tuple), st.floats(0, 1e9))


def _samples(metric: Metric) -> st.SearchStrategy[Sample]:
    labels = st.tuples(*[st.text(max_size=20) for _ in metric.labels])
    value = spreads if metric.kind is Kind.HISTOGRAM else numbers
    return st.builds(Sample, st.just(metric.name), labels, value)


@given(st.lists(st.sampled_from(METRICS).flatmap(_samples), max_size=20))
def test_they_survive_the_socket(samples: list[Sample]) -> None:
    assert decode(json.loads(json.dumps(encode(samples)))) == samples


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.sampled_from([m.name for m in METRICS]), st.lists
    )
)
def test_whatever_else_comes_is_passed_over(document: object) -> None:
    for sample in decode(document):
        assert len(sample.labels) == len(sample.metric.labels)


def test_another_version_of_a_daemon_is_understood_as_far_as_it_goes() -> None:
    spread = [[1] * (len(BOUNDS) + 1), 3.5]
    document = [
        ["vfs_of_the_future", [], 1],
        ["vfs_inodes", ["label"], 1],
        ["vfs_inodes", [], [[1, 2], 3.0]],
        ["vfs_read_wait_seconds", [], 7],
        ["vfs_read_wait_seconds", [], [[1, 2], 3.0]],
        ["vfs_read_wait_seconds", [], [["x"] * (len(BOUNDS) + 1), 3.0]],
        ["vfs_requests_total", [3], 1],
        ["vfs_inodes", [], 12],
        ["vfs_read_wait_seconds", [], spread],
    ]
    names = [sample.name for sample in decode(document)]
    assert names == ["vfs_inodes", "vfs_read_wait_seconds"]


@given(st.text())
def test_a_label_is_neither_a_path_nor_a_url(text: str) -> None:
    label = plain_label(text)
    assert 0 < len(label) <= 64
    assert not set("/:@?=&%\\\"'\n ") & set(label)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("store", "store"),
        ("git-lfs", "git-lfs"),
        ("s3://key:secret@bucket/path", "s3"),
        ("/mnt/private/share", "path"),
        ("", "unnamed"),
        ("ünïcode\n", "_n_code_"),
    ],
)
def test_labels(text: str, label: str) -> None:
    assert plain_label(text) == label


def test_too_many_values_are_added_up() -> None:
    samples = Samples()
    for number in range(MOST_VALUES + 10):
        samples.add("vfs_remote_requests_total", 1, f"remote{number}")
    reading = Reading(samples.all(), 0.0)
    assert len(reading.labelled("vfs_remote_requests_total")) == MOST_VALUES + 1
    assert reading.number("vfs_remote_requests_total", OTHER) == 10
    assert reading.number("vfs_remote_requests_total") == MOST_VALUES + 10


def test_equal_labels_are_added_up() -> None:
    samples = Samples()
    spread = Distribution((1,) * (len(BOUNDS) + 1), 2.0)
    for _ in range(2):
        samples.add("vfs_remote_request_seconds", spread, "store")
    reading = Reading(samples.all(), 0.0)
    assert reading.distribution("vfs_remote_request_seconds").seconds == 4.0
    assert reading.distribution("vfs_remote_request_seconds", "none").number == 0


@pytest.mark.parametrize(
    ("name", "value", "labels"),
    [
        ("vfs_unknown", 1, ()),
        ("vfs_requests_total", 1, ()),
        ("vfs_inodes", 1, ("x",)),
        ("vfs_read_wait_seconds", 1, ()),
        ("vfs_inodes", Distribution((0,) * (len(BOUNDS) + 1), 0.0), ()),
    ],
)
def test_what_the_table_does_not_have_is_a_bug(
    name: str, value: int, labels: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match=name):
        Samples().add(name, value, *labels)
