"""Slots, ranks and the byte budget, for every order of jobs."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transfer.bench import MIB
from vfs.transfer.lanes import Budget, Lane
from vfs.transfer.state import BlobState, Job, Level
from vfs.types import BLOCK_SIZE, Algorithm, Blob, Digest

BLOB = Blob(Digest(Algorithm.MD5, b"d" * 16), 1 << 40)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(Level), st.integers(1, 16)),
        st.tuples(st.just("end"), st.just(Level.DEMAND), st.integers(0, 50)),
    ),
    max_size=80,
)


@given(steps, st.integers(1, 20), st.integers(1, 64))
def test_whatever_is_queued(
    history: list[tuple[str, Level, int]], jobs: int, limit_mib: int
) -> None:
    lane, budget = Lane(jobs), Budget(limit_mib * MIB)
    state = BlobState(BLOB, list)
    running: list[Job] = []
    waiting: list[Job] = []
    for action, level, number in history:
        if action == "put":
            job = Job(state, range(number), level)
            lane.put(job)
            waiting.append(job)
        elif running:
            ended = running.pop(number % len(running))
            budget.give_back(ended, ended.held)
            lane.end()
        while (started := lane.start(budget)) is not None:
            first = next(job for job in waiting if job.level is started.level)
            assert started is first, "first come, first served within a rank"
            assert started.level is min(job.level for job in waiting), "no rank overtakes another"
            waiting.remove(started)
            running.append(started)
        assert budget.held == sum(job.held for job in running)
        assert budget.held <= budget.limit or len(running) == 1
        assert lane.running == len(running) <= max(2, jobs)
        assert lane.queued == len(waiting)
        assert running or not waiting, "something always runs while something waits"
    for job in running:
        budget.give_back(job, job.size)
    assert budget.held == 0


def test_lower_ranks_leave_slots_for_demands() -> None:
    lane, budget = Lane(16), Budget(1 << 40)
    state = BlobState(BLOB, list)
    started = dict.fromkeys(Level, 0)
    for level in reversed(Level):
        for _ in range(20):
            lane.put(Job(state, range(1), level))
        while lane.start(budget) is not None:
            started[level] += 1
        lane.drain()
    assert started == {Level.WARM: 12, Level.AHEAD: 2, Level.DEMAND: 2}


def test_budget_never_gives_back_more_than_is_held() -> None:
    budget = Budget(MIB)
    job = Job(BlobState(BLOB, list), range(2), Level.DEMAND)
    budget.take(job)
    budget.give_back(job, 10 * BLOCK_SIZE)
    assert (budget.held, job.held) == (0, 0)


def test_only_as_many_linger_as_there_are_slots() -> None:
    """A place that hangs gets no more threads than twice its slots."""
    lane, budget = Lane(2), Budget(1 << 40)
    for _ in range(3):
        lane.put(Job(BlobState(BLOB, list), range(1), Level.DEMAND))
    for lingering in (1, 2):
        assert lane.start(budget) is not None
        assert lane.let_linger()
        assert (lane.running, lane.lingering) == (0, lingering)
    assert lane.start(budget) is not None
    assert not lane.let_linger()
    assert (lane.running, lane.lingering) == (1, 2)


def test_what_stays_in_memory_leaves_less_to_ask_for() -> None:
    budget = Budget(4 * MIB)
    budget.take(Job(BlobState(BLOB, list), range(4), Level.DEMAND))
    assert budget.allows(Level.DEMAND, 3 * MIB)
    for kind in ("set_aside", "owed", "waiting"):
        setattr(budget, kind, MIB)
        assert budget.allows(Level.DEMAND, 2 * MIB)
        assert not budget.allows(Level.DEMAND, 3 * MIB), kind
        setattr(budget, kind, 0)


def test_a_job_waits_for_what_is_about_to_be_hashed_and_for_nothing_that_may_stay() -> None:
    budget = Budget(4 * MIB)
    budget.owed = 4 * MIB
    assert not budget.allows(Level.DEMAND, MIB)
    budget.owed, budget.waiting, budget.set_aside = 0, 3 * MIB, MIB
    assert budget.allows(Level.WARM, 4 * MIB)
