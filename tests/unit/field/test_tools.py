"""The bench against the field: what fio answers, what the proxy counts, the data, the plan, memory."""

import os
from pathlib import Path

import pytest

from tests.bench.field import data, fio
from tests.bench.field.__main__ import parsed, plan_of
from tests.bench.field.data import MIB, Size
from tests.bench.field.found import BY_KEY
from tests.bench.field.memory import PeakMemory
from tests.bench.field.proxy import Counted, configuration, counted
from tests.bench.field.readers import Files
from tests.bench.field.rows import parts
from tests.bench.field.stores import kind_of_store
from tests.bench.field.took import NoAnswer

SMALL = Size(MIB, 1_001, 0.1, 5)


def test_fio_is_read_even_if_it_says_something_first() -> None:
    took = fio.parse(
        'fio: a note\n{"jobs": [{"read": {"runtime": 500, "io_bytes": 4096000, "total_ios": 1000}}]}'
    )
    assert took.megabytes == pytest.approx(8.192)
    assert took.rate == 2000


def test_only_the_kernel_warm_job_keeps_the_pages() -> None:
    cold, hot = (
        fio.Job(4096, 1, at_random=True, hot=hot).argv(Path("/f")) for hot in (False, True)
    )
    assert "--invalidate=1" in cold
    assert "--invalidate=0" in hot
    assert "--time_based" in cold
    assert "--time_based" not in fio.Job(4096, 1).argv(Path("/f"))


def test_requests_are_counted_with_their_bodies() -> None:
    assert counted(["GET 206 100", "HEAD 200 0", "GET 404 20"]) == Counted(3, 120)


def test_the_proxy_delays_at_the_port_of_that_delay_only() -> None:
    text = configuration(Path("/d"), {"s3": 1}, {("s3", 0): 2, ("s3", 20): 3}, lua=True)
    undelayed, delayed = text.split("listen 127.0.0.1:")[1:]
    assert "sleep" not in undelayed
    assert "ngx.sleep(0.02)" in delayed


def test_versions_differ_in_every_hundredth_file(tmp_path: Path) -> None:
    data.write(tmp_path, SMALL)
    names = data.names(SMALL)
    assert (tmp_path / data.BIG).stat().st_size == MIB
    before = {name: (tmp_path / name).read_bytes() for name in names}
    data.change(tmp_path, SMALL)
    differ = [name for name in names if (tmp_path / name).read_bytes() != before[name]]
    assert differ == data.changed(SMALL)
    assert len(differ) == 11


def test_an_epoch_has_every_file_once_in_another_order() -> None:
    names = data.names(SMALL)
    assert data.shuffled(names, 1) != names
    assert data.shuffled(names, 1) != data.shuffled(names, 2)
    assert sorted(data.shuffled(names, 1)) == names


def test_ceph_keeps_in_memory_what_fits() -> None:
    free = 20 << 30
    assert kind_of_store(data.QUICK, free) == "memstore"
    assert kind_of_store(data.FULL, free) == "bluestore"
    assert kind_of_store(data.QUICK, 1 << 30) == "bluestore"


def test_the_plan_always_has_ours() -> None:
    plan = plan_of(
        parsed(["--quick", "--peer", "rclone", "--latency", "5", "--large", "3", "--row", "switch"])
    )
    assert [peer.name for peer in plan.peers] == ["vfs", "rclone", "rclone full"]
    assert (plan.latencies, plan.rounds, plan.size.large) == ([5], 1, 3 * MIB)
    assert plan.wanted == {"switch"}


def test_every_metric_is_given_by_one_part() -> None:
    given = [metric for metrics, _ in parts() for metric in metrics]
    assert sorted(given) == sorted(BY_KEY)


def test_memory_of_children_counts() -> None:
    with PeakMemory(lambda: [os.getpid()]) as peak:
        block = bytearray(64 * MIB)
        block[::4096] = b"x" * len(block[::4096])
    assert peak.bytes > 64 * MIB


def test_an_epoch_reads_what_is_there(tmp_path: Path) -> None:
    size = Size(MIB, 40, 0.1, 20)
    data.write(tmp_path, size)
    reader = Files(directory=tmp_path, environ=dict(os.environ))
    names = data.names(size)
    took = reader.epoch(names, 4, size.epoch)
    assert took.count == 40
    assert took.bytes == sum((tmp_path / name).stat().st_size for name in names)
    assert reader.listing("small").count == 41
    assert reader.stats(names).count == 40
    assert len(reader.first(names[:3])) == 3


def test_a_client_that_fails_is_told(tmp_path: Path) -> None:
    reader = Files(directory=tmp_path, environ=dict(os.environ))
    with pytest.raises(NoAnswer, match="nowhere"):
        reader.first(["nowhere"])
    with pytest.raises(NoAnswer, match="worker"):
        reader.epoch(["nowhere"], 2, 5)


def test_what_must_be_copied_first_is_its_time(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small/f").write_bytes(b"x")
    reader = Files(directory=tmp_path, environ=dict(os.environ), bring=lambda paths: 3.0)
    assert reader.first(["small/f"])[0] >= 3000
    assert reader.epoch(["small/f"], 1, 5).seconds >= 3
