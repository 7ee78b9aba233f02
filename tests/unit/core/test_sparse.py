"""Numbers by block are those of a dict, and cost by what was set."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.sparse import PAGE, Sparse

blocks = st.one_of(st.integers(0, 3 * PAGE), st.integers(0, (1 << 32) - 1))


@given(st.sampled_from("BQ"), st.lists(st.tuples(blocks, st.integers(0, 255)), max_size=50))
def test_like_a_dict(kind: str, done: list[tuple[int, int]]) -> None:
    numbers, model = Sparse(kind), dict[int, int]()
    for block, number in done:
        numbers[block] = model[block] = number
    assert list(numbers.items()) == sorted(pair for pair in model.items() if pair[1])
    assert all(numbers[block] == number for block, number in model.items())
    assert numbers[1 << 33] == 0
    assert numbers.weight <= 1024 * len(model)
    numbers.clear()
    assert not numbers
    assert not list(numbers.items())
