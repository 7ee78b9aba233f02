"""The pure rules of eviction."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.eviction import (
    MAX_SEGMENT,
    MIN_SEGMENT,
    Resident,
    excess,
    segment_capacity,
    survivors,
)
from vfs.core.outlook import Outlook

sizes = st.integers(0, 1 << 44)
residents = st.lists(
    st.builds(
        Resident, st.integers(1, 1000), st.booleans(), st.booleans(), st.sampled_from(Outlook)
    )
)


def may_stay(item: Resident) -> bool:
    comes = item.outlook is Outlook.COMING
    return item.pinned or comes or (item.touched and item.outlook is Outlook.UNKNOWN)


@given(sizes)
def test_segments_are_a_fraction_of_the_limit_within_bounds(limit: int) -> None:
    capacity = segment_capacity(limit)
    assert MIN_SEGMENT <= capacity <= MAX_SEGMENT
    assert capacity % 512 == 0
    assert capacity <= max(MIN_SEGMENT, limit // 16)


@given(sizes, sizes, sizes, sizes, sizes)
def test_after_the_excess_has_gone_there_is_room(
    total: int, limit: int, free: int, min_free: int, incoming: int
) -> None:
    much = excess(total=total, limit=limit, free=free, min_free=min_free, incoming=incoming)
    assert much >= 0
    assert total - much + incoming <= limit or total - much < 0 or much == 0
    if much == 0:
        assert total + incoming <= limit
        assert free - incoming >= min_free
    else:
        assert total + incoming > limit or free - incoming < min_free


@given(residents, st.integers(0, 200_000))
def test_pinned_chunks_survive_and_half_of_the_segment_goes(
    items: list[Resident], size: int
) -> None:
    kept = survivors(items, size)
    pinned = {n for n, item in enumerate(items) if item.pinned}
    if kept is None:
        assert sum(items[n].length for n in pinned) > size // 2
        return
    assert pinned <= set(kept)
    assert kept == sorted(set(kept))
    assert sum(items[n].length for n in kept) <= size // 2
    assert all(may_stay(items[n]) for n in kept)


@given(residents)
def test_whatever_was_touched_survives_if_there_is_room(items: list[Resident]) -> None:
    size = 2 * sum(item.length for item in items)
    kept = survivors(items, size)
    assert kept == [n for n, item in enumerate(items) if may_stay(item)]


def test_what_comes_goes_before_what_was_used_and_what_is_behind_has_no_second_chance() -> None:
    used, comes, behind = (Resident(10, True, False, outlook) for outlook in Outlook)
    assert survivors([used, behind, comes, used], 40) == [0, 2]
    assert survivors([used, used, comes._replace(touched=False)], 20) == [2]
