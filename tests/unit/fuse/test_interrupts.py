"""Which signals end a read that waits."""

import signal

import pytest
import trio
import trio.testing

from vfs.fuse.direct.interrupts import ENDING, Waiting, asks_to_end


def status(pending: int, shared: int) -> str:
    return f"Name:\tcat\nSigQ:\t0/1\nSigPnd:\t{pending:016x}\nShdPnd:\t{shared:016x}\nSigBlk:\t0\n"


@pytest.mark.parametrize("number", sorted(set(signal.Signals) - {signal.SIGRTMIN, signal.SIGRTMAX}))
def test_only_what_asks_a_program_to_end(number: signal.Signals) -> None:
    bit = 1 << number - 1
    assert asks_to_end(status(bit, 0)) == asks_to_end(status(0, bit)) == (number in ENDING)
    assert not asks_to_end(status(0, 0))


async def test_a_request_of_a_process_that_is_gone_is_ended() -> None:
    waiting = Waiting()
    scope = waiting.begin(5, caller=1 << 30)
    await waiting.interrupt(5)
    assert scope.cancel_called
    waiting.end(5)
    assert not waiting.holds(5)


async def test_a_caller_without_such_a_signal_is_looked_at_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The kernel interrupts once; the look-out ends with the request."""
    waiting = Waiting()
    scope = waiting.begin(6, caller=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiting.interrupt, 6)
        await trio.sleep(10)
        assert not scope.cancel_called
        waiting.end(6)
    await waiting.interrupt(6)  # answered already: nothing to end
