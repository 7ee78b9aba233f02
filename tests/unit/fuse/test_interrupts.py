"""Which signals end a read that waits."""

import signal

import pytest
import trio
import trio.testing

from vfs.fuse.direct.interrupts import ENDING, UNSEEN_SECONDS, Waiting, asks_to_end


def status(pending: int, shared: int) -> str:
    return f"Name:\tcat\nSigQ:\t0/1\nSigPnd:\t{pending:016x}\nShdPnd:\t{shared:016x}\nSigBlk:\t0\n"


@pytest.mark.parametrize("number", sorted(set(signal.Signals) - {signal.SIGRTMIN, signal.SIGRTMAX}))
def test_only_what_asks_a_program_to_end(number: signal.Signals) -> None:
    bit = 1 << number - 1
    assert asks_to_end(status(bit, 0)) == asks_to_end(status(0, bit)) == (number in ENDING)
    assert not asks_to_end(status(0, 0))


UNSEEN = 1 << 30
"""No process here has this number."""


@pytest.mark.parametrize(("caller", "seen"), [(UNSEEN, True), (1, False)])
async def test_who_cannot_be_looked_at_is_let_go_after_a_while(
    autojump_clock: trio.testing.MockClock, caller: int, seen: bool
) -> None:
    """In another container, or numbered by another one's numbers: a child's signal must not fail what would be answered soon."""
    waiting = Waiting(seen=seen)
    scope = waiting.begin(5, caller)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiting.interrupt, 5)
        await trio.sleep(UNSEEN_SECONDS - 0.1)
        assert not scope.cancel_called
        await trio.sleep(1)
        assert scope.cancel_called
        waiting.end(5, scope)
    assert not waiting.holds(5)


async def test_a_caller_without_such_a_signal_is_looked_at_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The kernel interrupts once; the look-out ends with the request."""
    waiting = Waiting(seen=True)
    scope = waiting.begin(6, caller=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiting.interrupt, 6)
        await trio.sleep(10)
        assert not scope.cancel_called
        waiting.end(6, scope)
    await waiting.interrupt(6)  # answered already: nothing to end
