"""Sizes and durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.config.units import (
    GIB,
    KIB,
    MIB,
    TIB,
    format_size,
    parse_count,
    parse_duration,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1048576", MIB),
        ("20GiB", 20 * GIB),
        ("20 gib", 20 * GIB),
        ("1.5K", 1536),
        ("500MB", 500_000_000),
        ("64k", 64 * KIB),
        ("2T", 2 * TIB),
        (" 7b ", 7),
        ("0.1TB", 100_000_000_000),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "GiB", "-1", "1e9", "20 Gibi", "1,5G", "\u0661", "0x10", "1 G B", "nan", "inf", "9" * 40],
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("250ms", 0.25),
        ("2min", 120),
        ("2m", 120),
        ("1h", 3600),
        ("14d", 1_209_600),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1y", "soon", "-3s", "1:20"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "²", "1_000", " 1"])
def test_what_is_no_count(text: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        parse_count(text)


@given(st.integers(0, 10**15 - 1))
def test_a_plain_number_is_bytes(size: int) -> None:
    assert parse_size(str(size)) == size


@given(st.integers(0, 1 << 55))
def test_a_shown_size_reads_back_within_its_precision(size: int) -> None:
    shown = format_size(size)
    assert abs(parse_size(shown) - size) <= max(1, size * 0.06)
    assert len(shown) <= 12


def test_no_unit_shows_1024() -> None:
    assert format_size(MIB - 1) == "1.0 MiB"
    assert format_size(GIB - 1) == "1.0 GiB"
    assert format_size(1023) == "1023 B"


def test_rates() -> None:
    assert parse_rate("10MB/s") == parse_rate("10MB") == 10**7
    assert parse_rate("0") == 0
    for text in ("fast", "1KB/s", "-1", "10MB/m"):
        with pytest.raises(ValueError, match="a rate like"):
            parse_rate(text)
