"""What is taken from a daemon's measurements for an estimate."""

from pathlib import Path
from typing import Any

from tests.unit.cli.conftest import Daemons
from vfs_cli.asking import rates

Data = dict[str, Any]


def _period(size: int, rate: int | None, request_seconds: float | None) -> Data:
    measured = {"bytes_per_second": rate, "request_seconds": request_seconds, "busy_seconds": 1.0}
    return {"fetched": {"bytes": size}, "rates": measured}


def test_a_few_small_files_tell_how_long_a_request_takes_and_no_rate(
    daemons: Daemons, world: Path
) -> None:
    periods: list[Data] = []

    async def report(args: Data, progress: object) -> Data:
        return {"periods": periods}

    record = daemons.start(world / "mnt", world / "repo", report=report)
    assert rates(record) == {}
    periods.append(_period(64 << 20, 10_000_000, 0.1))
    assert (rates(record)["bytes_per_second"], rates(record)["request_seconds"]) == (10_000_000, 0.1)  # fmt: skip
    periods.append(_period(4499, 1666, 0.9))
    assert (rates(record)["bytes_per_second"], rates(record)["request_seconds"]) == (10_000_000, 0.9)  # fmt: skip
    periods.append(_period(0, None, None))
    assert rates(record)["request_seconds"] == 0.9
