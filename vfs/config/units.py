"""Sizes, durations and numbers as people write them.

Rule: pure; a value that is not understood raises `ValueError` with the expectation, the caller adds file and key.
"""

import re

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40

_SIZE_UNITS = {
    "": 1, "b": 1,
    "k": KIB, "kib": KIB, "kb": 10**3,
    "m": MIB, "mib": MIB, "mb": 10**6,
    "g": GIB, "gib": GIB, "gb": 10**9,
    "t": TIB, "tib": TIB, "tb": 10**12,
}  # fmt: skip
_TIME_UNITS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
# ASCII digits only, and few: `int()` would take others, and time grows with their number.
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]{0,3})")


def parse_size(text: str) -> int:
    """Bytes of `20GiB`, `500 MB`, `64K` (binary, as in Git) or `1048576`."""
    number, unit = _split(text, frozenset(_SIZE_UNITS), "a size like 20GiB, 500MB or 1048576")
    if "." in number:
        return int(float(number) * _SIZE_UNITS[unit])
    return int(number) * _SIZE_UNITS[unit]


def parse_rate(text: str) -> int:
    """Bytes a second of `10MB`, `10MB/s`; 0 is no limit, and what is below 16 KiB a second moves nothing."""
    wanted = "expected a rate like 10MB/s, at least 16KiB/s, or 0 for no limit"
    try:
        rate = parse_size(text.strip().removesuffix("/s"))
    except ValueError:
        raise ValueError(wanted) from None
    if 0 < rate < 16 * KIB:
        raise ValueError(wanted)
    return rate


def parse_duration(text: str) -> float:
    """Seconds of `90`, `1.5`, `90s`, `250ms`, `2min`, `1h` or `14d`."""
    number, unit = _split(text, frozenset(_TIME_UNITS), "a duration like 90, 90s or 2min")
    return float(number) * _TIME_UNITS[unit]


def parse_count(text: str) -> int:
    """A plain number."""
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise ValueError("expected a whole number")
    return int(text)


def format_size(size: int) -> str:
    """The shortest of B, KiB, MiB, GiB, TiB with one decimal: `1.5 GiB`."""
    if size < KIB:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        value /= KIB
        if value < KIB - 0.05:
            return f"{value:.1f} {unit}"
    return f"{value / KIB:.1f} TiB"


def _split(text: str, units: frozenset[str], wanted: str) -> tuple[str, str]:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[2].lower() not in units:
        raise ValueError(f"expected {wanted}")
    return match[1], match[2].lower()
