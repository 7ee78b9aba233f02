"""`vfs top` and `vfs stats` against daemons that answer what a test says, of this version and of others; the arithmetic behind them."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.unit.cli.conftest import Daemons, Done
from vfs.control.registry import MountRecord
from vfs.errors import DaemonError
from vfs.metrics import BOUNDS, Distribution
from vfs.metrics.samples import Reading, Sample, Samples, encode
from vfs_cli.measured import duration
from vfs_cli.top.rates import Look, Rates, line, look_of, rates_of
from vfs_cli.top.screen import screen

Vfs = Callable[..., Done]
RECORD = MountRecord("id", Path("/mnt/data"), "/repo", "v1", 1, 1000.0, None, Path("/run/x"))
HOSTILE = b"\x1b]0;x\x07[bold red]data\n\xff"


def _samples(times: int) -> list[Sample]:
    samples = Samples()
    samples.add("vfs_requests_total", 10 * times, "read")
    samples.add("vfs_read_bytes_total", 1000 * times)
    samples.add("vfs_pushed_bytes_total", 24 * times)
    samples.add("vfs_cache_hits_total", 3 * times)
    samples.add("vfs_cache_misses_total", times)
    samples.add("vfs_remote_requests_total", 5 * times, "store")
    samples.add("vfs_remote_received_bytes_total", 2048 * times, "store")
    samples.add("vfs_remote_errors_total", times, "store", "access-denied")
    samples.add("vfs_remote_errors_total", times, "other", "access-denied")
    samples.add("vfs_reader_stall_seconds_total", 0.5 * times)
    samples.add("vfs_readers_waiting", 2)
    samples.add("vfs_read_wait_seconds", Distribution((times,) * (len(BOUNDS) + 1), 1.0 * times))
    samples.add("vfs_budget_bytes", 1 << 20)
    return samples.all()


def _rates(times: int, seconds: float) -> Rates:
    return rates_of(Reading(_samples(1 + times), 100.0 + seconds), Reading(_samples(1), 100.0))


def test_rates_are_a_second() -> None:
    rates = _rates(4, 2.0)
    assert rates.operations == {"read": 20.0}
    assert rates.read == 2048.0
    assert rates.hits == 0.75
    assert (rates.remotes[0].received, rates.remotes[0].requests) == (4096.0, 10.0)
    assert rates.remotes[0].errors == 2.0
    assert rates.stalled == 1.0
    assert rates.waiting == 2
    assert set(rates.waits.counts) == {4}
    assert rates.budget == 1 << 20


@given(st.integers(0, 1000), st.integers(0, 1000), st.floats(-10, 1000))
def test_no_rate_is_negative_and_none_is_endless(one: int, other: int, seconds: float) -> None:
    """Also when the clock was set back, or the counters belong to a younger daemon."""
    rates = rates_of(Reading(_samples(one), 100.0 + seconds), Reading(_samples(other), 100.0))
    assert all(rate >= 0 for rate in (rates.read, rates.stalled, *rates.operations.values()))
    assert min(rates.waits.counts) >= 0
    assert rates.hits is None or 0 <= rates.hits <= 1


def test_a_moment_without_reads_has_no_hits() -> None:
    assert _rates(0, 1.0).hits is None
    assert "hits -" in line(Look(RECORD, None, "v1"), _rates(0, 1.0), "12:00:00")


def _answer(**fields: Any) -> dict[str, Any]:
    return {"rev": "v1", "samples": encode(_samples(1)), "hot_seconds": 4.0, "hot": [], **fields}


def test_hot_files_are_a_second_too() -> None:
    hot = [{"path": "a", "bytes": 400, "waited": 2.0}, {"bytes": 1}, {"path": "b", "bytes": "x"}]
    look = look_of(RECORD, _answer(hot=hot), 1.0)
    assert [tuple(one) for one in look.hot] == [(b"a", 100.0, 0.5)]


def _picture(seen: list[tuple[Look, Rates | None]], width: int, height: int) -> str:
    console = Console(width=width, height=height, force_terminal=True, highlight=False)
    with console.capture() as said:
        console.print(screen(seen, 0, 2000.0, height))
    return said.get()


@given(st.integers(20, 200), st.integers(5, 60))
def test_no_name_moves_the_cursor_or_has_colours_of_its_own(width: int, height: int) -> None:
    hot = [{"path_b64": "G10wO3gHW2JvbGQgcmVkXWRhdGEK/w==", "path": "", "bytes": 400, "waited": 0}]
    look = look_of(RECORD._replace(rev="v\x1b[2J"), _answer(rev="v\x1b[2J", hot=hot), 1.0)
    assert look.hot[0].path == HOSTILE
    picture = _picture([(look, _rates(1, 1.0))], width, height)
    assert "\x1b]0" not in picture
    assert "\x1b[2J" not in picture
    assert "\x07" not in picture
    if width > 100:
        assert r"\x1b]0;x\x07[bold red]data\x0a\xff" in picture


def test_each_of_several_has_a_line() -> None:
    gone = Look(RECORD, None, "v1", error=DaemonError("the daemon hangs"))
    picture = _picture([(gone, None), (look_of(RECORD, _answer(), 1.0), _rates(1, 1.0))], 120, 40)
    assert "does not answer" in picture
    assert "the daemon hangs" in picture
    assert "Tab: another mount" in picture
    assert "nothing is mounted" in _picture([], 80, 24)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0003, "0.3 ms"),
        (0.05, "50 ms"),
        (1.5, "1.5 s"),
        (600, "10 min"),
        (float("inf"), "longer"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def _daemon(daemons: Daemons, world: Path, name: str = "mnt") -> Path:
    times = iter(range(1, 1000))

    async def metrics(args: dict[str, Any], progress: object) -> dict[str, Any]:
        return {"samples": [*encode(_samples(next(times))), ["vfs_of_the_future", [], 1]]}

    async def top(args: dict[str, Any], progress: object) -> dict[str, Any]:
        hot = [{"path": "images/1.jpg", "bytes": 10, "waited": 0}]
        return _answer(samples=encode(_samples(next(times))), hot=hot)

    daemons.start(world / name, world / "repo", metrics=metrics, top=top)
    return world / name


def test_stats_of_the_only_mount(vfs: Vfs, daemons: Daemons, world: Path) -> None:
    point = _daemon(daemons, world)
    done = vfs("stats", "--json")
    assert done.code == 0
    assert {one["type"] for one in done.documents} == {"metric"}
    assert {one["mountpoint"] for one in done.documents} == {os.fspath(point)}
    by_name = {one["name"]: one for one in done.documents}
    assert by_name["vfs_read_bytes_total"]["value"] == 1000
    assert by_name["vfs_read_wait_seconds"]["count"] == len(BOUNDS) + 1
    assert sum(by_name["vfs_read_wait_seconds"]["buckets"].values()) == len(BOUNDS) + 1
    text = vfs("stats", point).out
    assert re.search(r"^  bytes read +2\.0 KiB$", text, re.MULTILINE)


@pytest.mark.parametrize("words", [["top", "--once"], ["stats", "--count", "1"]])
def test_an_interval_is_a_number(vfs: Vfs, words: list[str]) -> None:
    done = vfs(*words, "--interval", "nan")
    assert (done.code, done.out) == (2, "")
    assert "'nan' is no number of seconds" in done.err


def test_intervals_tell_what_came_in_between(vfs: Vfs, daemons: Daemons, world: Path) -> None:
    point = _daemon(daemons, world)
    text = vfs("stats", point, "--interval", "0.1", "--count", "2").out
    assert len(re.findall(r"^  bytes read +1000 B$", text, re.MULTILINE)) == 2


def test_top_as_lines(vfs: Vfs, daemons: Daemons, world: Path) -> None:
    _daemon(daemons, world)
    _daemon(daemons, world, "other")
    done = vfs("top", "--count", "2", "--interval", "0.1")
    assert done.code == 0
    assert len(done.out.splitlines()) == 4
    assert all("most read images/1.jpg" in said for said in done.out.splitlines())
    documents = vfs("top", "--once", "--interval", "0.1", "--json").documents
    assert {one["mountpoint"] for one in documents} == {str(world / "mnt"), str(world / "other")}
    assert json.dumps(documents)


def test_a_daemon_of_before(vfs: Vfs, daemons: Daemons, world: Path) -> None:
    daemons.start(world / "mnt", world / "repo")
    assert "unknown request 'top'" in vfs("top", "--once", "--interval", "0.1").out
    done = vfs("stats", world / "mnt")
    assert done.code == 2
    assert "unknown request" in done.err
