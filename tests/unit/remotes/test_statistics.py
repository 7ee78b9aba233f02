import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import ObjectMissing
from vfs.metrics import Histogram
from vfs.remotes.local import LocalRemote
from vfs.remotes.statistics import Statistics, StatisticsRemote

DURATIONS = st.lists(st.floats(1e-5, 300), min_size=1, max_size=200)


@given(DURATIONS, st.sampled_from([50, 90, 99, 100]))
def test_percentiles_are_right_to_one_bucket(durations: list[float], percent: int) -> None:
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)
    ordered = sorted(durations)
    exact = ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
    assert exact / 1.1 <= histogram.percentile(percent) <= exact * 1.1


def test_nothing_and_extremes() -> None:
    histogram = Histogram()
    assert histogram.percentile(50) == 0.0
    for seconds in (0.0, -1.0, 1e9):
        histogram.add(seconds)
    assert histogram.percentile(1) < 1e-4
    assert histogram.percentile(99) > 300


def test_what_is_counted(tmp_path: "object") -> None:
    collector = Statistics()
    times = iter(range(1000))
    remote = StatisticsRemote(
        LocalRemote(str(tmp_path)), collector, clock=lambda: float(next(times))
    )
    remote.put("a", b"12345")
    remote.put("b", io.BytesIO(b"12"))
    with remote.get("a", 1) as body:
        while body.readinto(bytearray(3)):
            pass
    with pytest.raises(ObjectMissing):
        remote.head("missing")
    assert dict(remote.heads(["a", "missing"]))["missing"] is None
    assert len(list(remote.list())) == 2
    numbers = collector.snapshot()
    assert (numbers.requests, numbers.received, numbers.sent) == (7, 4, 5)
    assert numbers.errors == {"object-missing": 2}
    assert 0.9 < numbers.latency[50] < 1.1
