"""The decision of a collection, for all histories."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.catalog.unneeded import RECENT, UNUSED, TreeUse, unneeded

NOW = 10**9
PAGES = [bytes((n,)) * 32 for n in range(12)]
SIZES = {page: 100 + 10 * n for n, page in enumerate(PAGES)}

ages = st.one_of(
    st.integers(-RECENT, 2 * UNUSED),
    st.sampled_from([0, RECENT - 1, RECENT, UNUSED - 1, UNUSED]),
)
trees = st.lists(
    st.builds(
        TreeUse,
        st.binary(min_size=2, max_size=2),
        ages.map(lambda age: NOW - age),
        st.integers(0, 50),
        st.lists(st.sampled_from(PAGES), unique=True, max_size=6),
    ),
    unique_by=lambda use: use.tree,
    max_size=20,
)
limits = st.integers(0, 3000)


def weight(kept: list[TreeUse]) -> int:
    pages = {page for use in kept for page in use.pages}
    return sum(use.weight for use in kept) + sum(SIZES[page] for page in pages)


@given(trees, limits)
def test_recent_stays_and_unused_goes(uses: list[TreeUse], limit: int) -> None:
    goes = unneeded(uses, SIZES, now=NOW, limit=limit)
    assert all(NOW - use.used >= RECENT for use in goes)
    assert all(use in goes for use in uses if NOW - use.used >= UNUSED)


@given(trees, limits)
def test_what_stays_is_recent_or_fits(uses: list[TreeUse], limit: int) -> None:
    goes = unneeded(uses, SIZES, now=NOW, limit=limit)
    kept = [use for use in uses if use not in goes]
    for use in kept:
        if NOW - use.used >= RECENT:
            assert weight([other for other in kept if not _later(other, use)]) <= limit


def _later(one: TreeUse, other: TreeUse) -> bool:
    """Whether `one` comes after `other` for the collector: it was used earlier."""
    return (-one.used, one.tree) > (-other.used, other.tree)


@given(trees, limits)
def test_what_goes_for_the_limit_would_not_fit_with_what_was_used_later(
    uses: list[TreeUse], limit: int
) -> None:
    goes = unneeded(uses, SIZES, now=NOW, limit=limit)
    kept = [use for use in uses if use not in goes]
    for use in goes:
        if NOW - use.used < UNUSED:
            later = [other for other in kept if not _later(other, use)]
            assert weight([*later, use]) > limit


@given(trees, limits)
def test_the_order_does_not_matter_and_once_is_enough(uses: list[TreeUse], limit: int) -> None:
    goes = unneeded(uses, SIZES, now=NOW, limit=limit)
    assert unneeded(uses[::-1], SIZES, now=NOW, limit=limit) == goes
    kept = [use for use in uses if use not in goes]
    assert unneeded(kept, SIZES, now=NOW, limit=limit) == []


@given(trees)
def test_a_large_limit_forgets_only_what_is_unused(uses: list[TreeUse]) -> None:
    goes = unneeded(uses, SIZES, now=NOW, limit=1 << 40)
    assert {use.tree for use in goes} == {u.tree for u in uses if NOW - u.used >= UNUSED}


@given(trees)
def test_without_recency_or_room_everything_goes_that_takes_any(uses: list[TreeUse]) -> None:
    goes = unneeded(uses, SIZES, now=NOW, limit=0, recent=-(1 << 40))
    assert all(weight([use]) == 0 for use in uses if use not in goes)
