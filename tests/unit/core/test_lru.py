"""The weighted LRU against a list."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.lru import Lru

steps = st.lists(
    st.tuples(st.sampled_from(["get", "put", "discard"]), st.integers(0, 5), st.integers(0, 7)),
    max_size=60,
)


@given(steps, st.integers(0, 12))
def test_it_agrees_with_a_list_ordered_by_use(
    actions: list[tuple[str, int, int]], limit: int
) -> None:
    lru: Lru[int, int] = Lru(limit)
    model: list[tuple[int, int]] = []  # (key, value = weight), most recently used last
    for action, key, value in actions:
        known = next((pair for pair in model if pair[0] == key), None)
        if action == "get":
            assert lru.get(key) == (known[1] if known else None)
            if known:
                model.remove(known)
                model.append(known)
            continue
        if known:
            model.remove(known)
        if action == "discard":
            lru.discard(key)
        else:
            lru.put(key, value, value)
            model.append((key, value))
            while sum(weight for _, weight in model) > limit and len(model) > 1:
                model.pop(0)
        assert len(lru) == len(model)
        assert lru.weight == sum(weight for _, weight in model)
    lru.clear()
    assert (len(lru), lru.weight) == (0, 0)


def test_keys_are_forgotten_by_a_condition() -> None:
    lru: Lru[int, str] = Lru(100)
    for number in range(10):
        lru.put(number, "x", 2)
    lru.discard_where(lambda number: number % 2 == 0)
    assert [number for number in range(10) if lru.get(number)] == [1, 3, 5, 7, 9]
    assert lru.weight == 10
