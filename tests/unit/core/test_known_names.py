"""Names that were added are always known."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.known_names import KnownNames


@given(st.lists(st.binary(min_size=1, max_size=8), max_size=300))
def test_what_was_added_is_known(names: list[bytes]) -> None:
    known = KnownNames()
    for number, name in enumerate(names):
        known.add(name)
        assert all(earlier in known for earlier in names[: number + 1 : 7])
    assert all(name in known for name in names)


def test_few_others_are_taken_for_known() -> None:
    known = KnownNames()
    for number in range(1_000):
        known.add(b"in-%d" % number)
    wrong = sum(b"out-%d" % number in known for number in range(10_000))
    assert wrong < 10_000 * 1_000 / 65_536 * 2


def test_an_empty_directory_knows_nothing() -> None:
    assert b"x" not in KnownNames()


@given(st.sets(st.binary(min_size=1, max_size=8), max_size=12))
def test_few_names_are_kept_themselves(names: set[bytes]) -> None:
    known = KnownNames(8)
    for name in names:
        known.add(name)
    kept = known.names()
    assert kept is None if len(names) > 8 else set(kept or ()) == names
