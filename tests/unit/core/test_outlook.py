"""What is known of the future use of contents."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.outlook import Outlook, Outlooks


def test_a_content_comes_as_long_as_an_order_names_it() -> None:
    known = Outlooks()
    assert known.of(b"a") is Outlook.UNKNOWN
    known.come(b"a")
    known.come(b"a")
    known.leave(b"a", behind=True)
    assert known.of(b"a") is Outlook.COMING
    known.leave(b"a", behind=True)
    assert known.of(b"a") is Outlook.BEHIND
    known.come(b"a")
    assert known.of(b"a") is Outlook.COMING
    known.leave(b"a", behind=False)
    assert known.of(b"a") is Outlook.UNKNOWN


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60))
def test_what_is_behind_is_bounded(steps: list[tuple[int, bool]]) -> None:
    known = Outlooks(most=3)
    last: list[bytes] = []
    for number, behind in steps:
        name = bytes((number,))
        known.come(name)
        known.leave(name, behind=behind)
        last = ([n for n in last if n != name] + [name] * behind)[-3:]
    assert {n for n in (bytes((i,)) for i in range(10)) if known.of(n)} == set(last)
    assert len(known) <= 3
