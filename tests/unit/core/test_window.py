"""Which files of a known order are fetched ahead."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.window import Window


def test_a_window_follows_its_cursor() -> None:
    window = Window(3, 100)
    window.add([10] * 10)
    assert window.take(99) == [0, 1, 2]
    assert window.take(99) == []
    assert window.move(2) == range(2)
    assert window.take(99) == [3, 4]
    assert window.held == 30


def test_bytes_limit_it_too_and_what_alone_is_too_large_is_left_out() -> None:
    window = Window(10, 100)
    window.add([60, 500, 30, 20, 0, 60])
    assert window.take(99) == [0, 2]
    assert window.move(1) == range(1)
    assert window.take(99) == [3]
    window.move(4)
    assert window.take(99) == [5]


def test_what_is_passed_before_it_was_taken_or_told_never_is() -> None:
    window = Window(4, 100)
    window.add([1] * 3)
    window.move(6)
    window.add([1] * 5)
    assert window.take(99) == [6, 7]
    assert window.skip(20) == range(6, 20)
    window.add([1])
    assert window.take(99) == [20]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.integers(0, 40), max_size=12)),
        st.tuples(st.just("take"), st.integers(1, 9)),
        st.tuples(st.just("move"), st.integers(0, 60)),
        st.tuples(st.just("skip"), st.integers(0, 60)),
        st.tuples(st.just("size"), st.integers(1, 60)),
    ),
    max_size=40,
)


@given(files=st.integers(1, 12), size=st.integers(1, 60), steps=steps)
def test_each_position_is_taken_once_in_order_and_within_bounds(
    files: int, size: int, steps: list[tuple[str, object]]
) -> None:
    window = Window(files, size)
    sizes: dict[int, int] = {}
    taken: list[int] = []
    cursor, largest = 0, size
    for step, value in steps:
        if step == "add":
            assert isinstance(value, list)
            sizes.update(enumerate(value, window.known))
            window.add(value)
        elif step == "take":
            assert isinstance(value, int)
            new = window.take(value)
            assert len(new) <= value
            assert all(window.cursor <= p < window.cursor + files for p in new)
            taken += new
        elif step == "size":
            assert isinstance(value, int)
            window.size = value
            largest = max(largest, value)
        else:
            assert isinstance(value, int)
            if step == "skip":
                value = max(value, window.known)
                window.skip(value)
            else:
                window.move(value)
            assert window.cursor == max(cursor, value)
        cursor = window.cursor
        assert taken == sorted(set(taken))
        assert window.held == sum(sizes[p] for p in taken if p >= cursor) <= largest
        assert window.cursor <= window.head
    assert all(sizes[p] for p in taken)
