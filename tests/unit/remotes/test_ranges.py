import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.remotes.ranges import (
    BadAnswer,
    ContentRange,
    Plan,
    parse_content_range,
    plan_partial,
    plan_whole,
    range_header,
)

SIZES = st.integers(0, 10**6)
LENGTHS = st.none() | st.integers(1, 10**6)


@given(st.integers(0, 10**6), LENGTHS, st.integers(1, 10**6))
def test_an_honest_answer_gives_exactly_the_slice(
    start: int, length: int | None, size: int
) -> None:
    if start >= size:
        return  # a server says 416
    stop = size if length is None else min(size, start + length)
    header = f"bytes {start}-{stop - 1}/{size}"
    found = parse_content_range(header)
    assert found == ContentRange(start, stop, size)
    assert plan_partial(found, stop - start, start, length) == Plan(0, stop - start, size)


@given(SIZES, st.integers(0, 10**6), LENGTHS)
def test_whole_object_instead_of_a_range(size: int, start: int, length: int | None) -> None:
    plan = plan_whole(size, size, start, length)
    data = range(size)
    kept = data[plan.skip :][: plan.take]
    assert kept == data[start:] if length is None else kept == data[start : start + length]


@given(SIZES, SIZES, st.integers(0, 10**6), LENGTHS)
def test_a_body_of_another_size_proves_nothing(
    size: int, sent: int, start: int, length: int | None
) -> None:
    if sent == size:
        return
    with pytest.raises(BadAnswer):
        plan_whole(size, sent, start, length)


def test_range_header() -> None:
    assert range_header(0, None) is None
    assert range_header(5, None) == "bytes=5-"
    assert range_header(0, 1) == "bytes=0-0"
    assert range_header(10, 10) == "bytes=10-19"


@pytest.mark.parametrize(
    "value",
    [
        "", "bytes", "bytes 1-0/5", "bytes 0-5/5", "bytes 0-4/*", "bytes */5", "items 0-4/5",
        "bytes -1-4/5", "bytes 0-4/5, 6-7/9", "bytes 0-4/\uff15", "bytes 0-" + "9" * 5000 + "/5",
    ],
)  # fmt: skip
def test_impossible_content_range(value: str) -> None:
    with pytest.raises(BadAnswer):
        parse_content_range(value)


def test_another_range_or_length() -> None:
    found = ContentRange(100, 200, 1000)
    with pytest.raises(BadAnswer):
        plan_partial(found, None, 99, 100)
    with pytest.raises(BadAnswer):
        plan_partial(found, 99, 100, 100)
    assert plan_partial(found, None, 100, 900) == Plan(0, 900, 1000)  # the rest comes later
    assert plan_partial(found, 100, 100, 7) == Plan(0, 7, 1000)
    assert parse_content_range(None) is None
