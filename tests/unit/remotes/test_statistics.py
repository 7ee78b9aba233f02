import io

import pytest

from vfs.errors import ObjectMissing
from vfs.remotes.local import LocalRemote
from vfs.remotes.statistics import Statistics, StatisticsRemote


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
