"""Background work leaves time for others."""

import trio
from trio.testing import MockClock

from vfs.daemon.upkeep import repeatedly


async def test_work_that_takes_long_is_done_less_often(autojump_clock: MockClock) -> None:
    """A repository with a hundred thousand outs that nobody has would keep the healer busy for ever."""
    began: list[float] = []

    async def work() -> None:
        began.append(trio.current_time())
        await trio.sleep(30 if len(began) < 3 else 1)

    with trio.move_on_after(220):
        await repeatedly(20, "look", work)
    start = began[0] - 20
    assert [round(time - start) for time in began] == [20, 80, 140, 161, 182, 203]
