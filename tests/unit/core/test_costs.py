"""What contents cost: nothing is lost when the table is thinned, and it stays small."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.costs import UNKNOWN, Cost, CostTable, fold
from vfs.types import Algorithm, Blob, Digest


def blob(number: int) -> Blob:
    return Blob(Digest(Algorithm.MD5, number.to_bytes(16, "big")), 1000 + number)


def place(one: Blob) -> bytes | None:
    number = int.from_bytes(one.digest.value, "big")
    return None if number % 7 == 0 else f"d{number % 5}/e{number % 3}".encode()


def total(costs: "list[Cost]") -> Cost:
    found = Cost()
    for cost in costs:
        found.add(cost)
    return found


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 1000)), max_size=300))
def test_sums_survive(events: list[tuple[int, int]]) -> None:
    table = CostTable(most=8)
    table.place_of = place
    for number, size in events:
        cost = table.of(blob(number))
        cost.requests += 1
        cost.demand += size
    found = total(list(table.directories().values()))
    assert (found.requests, found.demand) == (len(events), sum(size for _, size in events))
    assert len(table.files()) <= 8
    assert len(table.directories()) <= 8 + 8 + 2


def test_the_dearest_stay() -> None:
    table = CostTable(most=4)
    table.of(blob(99)).stalled += 10.0
    for number in range(1, 60):
        table.of(blob(number)).requests += 1
    assert table.known(blob(99)).stalled == 10.0
    assert table.known(blob(1)) == Cost()


def test_a_directory_is_the_first_one_it_was_looked_up_in() -> None:
    table = CostTable()
    table.of(blob(1)).requests += 1
    assert set(table.directories()) == {UNKNOWN}
    table.place_of = lambda one: b"first"
    assert set(table.directories()) == {b"first"}
    table.place_of = lambda one: b"second"
    assert set(table.directories()) == {b"first"}


def test_folding_goes_up() -> None:
    sums = {f"a/b{n}/c".encode(): Cost(requests=1) for n in range(10)} | {UNKNOWN: Cost(requests=5)}
    fold(sums, 3)
    assert len(sums) <= 3
    assert sum(cost.requests for cost in sums.values()) == 15
    assert sums[UNKNOWN].requests == 5


def test_since() -> None:
    before, now = Cost(requests=2, demand=10), Cost(requests=5, demand=30, stalled=1.0)
    assert now.since(before) == Cost(requests=3, demand=20, stalled=1.0)
    assert before.since(now) == before, "it was forgotten in between: all of it is new"
