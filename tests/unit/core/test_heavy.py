"""The heaviest keys, against exact counts."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.heavy import HeavyHitters

batches = st.lists(
    st.dictionaries(st.integers(0, 40), st.integers(1, 1000), max_size=30), max_size=20
)


@given(batches, st.integers(1, 12))
def test_no_key_is_told_too_heavy_and_no_heavy_key_is_missed(
    added: list[dict[int, int]], capacity: int
) -> None:
    heavy: HeavyHitters[int] = HeavyHitters(capacity)
    exact: Counter[int] = Counter()
    for batch in added:
        heavy.add(batch)
        exact.update(batch)
        told = heavy.weights()
        assert heavy.total == sum(exact.values())
        assert len(told) <= capacity
        for key, weight in exact.items():
            assert weight - heavy.total / (capacity + 1) <= told[key] <= weight


@given(batches)
def test_few_keys_are_counted_exactly(added: list[dict[int, int]]) -> None:
    heavy: HeavyHitters[int] = HeavyHitters(41)
    exact: Counter[int] = Counter()
    for batch in added:
        heavy.add(batch)
        exact.update(batch)
    assert heavy.weights() == exact
