"""Rate-limited warnings: so many of a kind, then one line that tells how many were left out."""

import logging
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import RemoteUnavailable, StoreFull
from vfs.log import counted, settle, setup
from vfs.log.limits import PER_MINUTE, RateLimit


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _record(
    message: str, *args: object, name: str = "vfs.x", level: int = logging.WARNING
) -> logging.LogRecord:
    return logging.LogRecord(name, level, "", 0, message, args, None)


def _limit(clock: _Clock, said: list[str], limit: int = 3) -> RateLimit:
    return RateLimit(
        lambda record: said.append(record.getMessage()), limit=limit, window=60, clock=clock
    )


def test_so_many_and_then_how_many_more() -> None:
    clock, said = _Clock(), list[str]()
    limit = _limit(clock, said)
    assert [limit.filter(_record("bad %d", number)) for number in range(5)] == [True] * 3 + [
        False
    ] * 2
    clock.now += 59
    assert not limit.filter(_record("bad %d", 5))
    assert said == []
    clock.now += 1
    assert limit.filter(_record("bad %d", 6))
    assert said == ["left out 3 more like: bad %d"]
    limit.settle(all_of_them=True)
    assert len(said) == 1


def test_other_kinds_are_counted_for_themselves() -> None:
    limit = _limit(_Clock(), [], limit=1)
    kinds = [
        _record("%s", "text"),
        _record("%s", RemoteUnavailable("gone")),
        _record("%s", StoreFull("full")),
        _record("%s", "text", name="vfs.y"),
        _record("%s", "text", level=logging.ERROR),
        _record("other"),
    ]
    assert all(map(limit.filter, kinds))
    assert not any(map(limit.filter, kinds))


def test_what_an_outage_says_of_each_attempt_is_limited_as_well() -> None:
    """Attempts and files that cannot be read are told of as information, as many as there are."""
    clock, said = _Clock(), list[str]()
    limit = _limit(clock, said, limit=1)
    attempts = [_record("attempt %d", number, level=logging.INFO) for number in range(10)]
    assert [limit.filter(attempt) for attempt in attempts] == [True] + [False] * 9
    assert all(limit.filter(_record("called", level=logging.DEBUG)) for _ in range(10))
    limit.settle(all_of_them=True)
    assert said == ["left out 9 more like: attempt %d"]
    assert not limit.counted


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 40)), max_size=200), st.integers(1, 5))
def test_every_record_is_written_or_told_of(steps: list[tuple[int, float]], most: int) -> None:
    clock, told = _Clock(), list[logging.LogRecord]()
    limit = RateLimit(told.append, limit=most, window=60, clock=clock)
    written = 0
    for kind, pause in steps:
        written += limit.filter(_record(f"kind {kind} %d", 1))
        clock.now += pause
    limit.settle(all_of_them=True)
    left_out = [record.args[0] for record in told if isinstance(record.args, tuple)]
    assert written + sum(number for number in left_out if isinstance(number, int)) == len(steps)
    assert limit.counted["warning"] == len(steps)


def test_a_thousand_kinds_are_remembered_and_no_more() -> None:
    said: list[str] = []
    limit = _limit(_Clock(), said, limit=1)
    for _ in range(2):
        limit.filter(_record("first"))
    for number in range(1000):
        limit.filter(_record(f"kind {number}"))
    assert said == ["left out 1 more like: first"]


def test_in_a_log_file(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    close = setup(file, foreground=False)
    for number in range(PER_MINUTE + 7):
        logging.getLogger("vfs.deep.down").warning("no %d", number)
    settle()  # nothing is over yet
    assert counted()["warning"] == PER_MINUTE + 7
    assert len(file.read_text().splitlines()) == PER_MINUTE
    close()
    lines = file.read_text().splitlines()
    assert len(lines) == PER_MINUTE + 1
    assert lines[-1].endswith("WARNING vfs.deep.down: left out 7 more like: no %d")
