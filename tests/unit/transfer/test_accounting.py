"""What is counted of waits: also of those that have not ended, or a report of a mount that hangs would say that nobody waits."""

import pytest
import trio
import trio.testing

from vfs.transfer.accounting import Accounting
from vfs.transfer.statistics import FetchCounters
from vfs.types import Algorithm, Blob, Digest

BLOB = Blob(Digest(Algorithm.MD5, bytes(16)), 10)


async def test_a_wait_that_goes_on_is_counted(autojump_clock: trio.testing.MockClock) -> None:
    accounting = Accounting(FetchCounters())

    async def read(seconds: float) -> None:
        with accounting.wait(BLOB):
            await trio.sleep(seconds)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, 1)
        nursery.start_soon(read, 5)
        await trio.sleep(3)
        assert accounting.numbers()["stalled"] == pytest.approx(1 + 3)
        assert accounting.waits.waiting == 1
        assert accounting.costs.known(BLOB).stalled == pytest.approx(1)
    assert accounting.numbers()["stalled"] == pytest.approx(1 + 5)
    assert accounting.waits.lasted.count == 2


def test_before_the_loop_runs_there_is_nothing() -> None:
    assert accounting_numbers() == {"stalled": 0, "busy": 0, "gets": 0, "asked": 0}


def accounting_numbers() -> dict[str, float]:
    found = Accounting(FetchCounters()).numbers()
    return {name: value for name, value in found.items() if "." not in name}
