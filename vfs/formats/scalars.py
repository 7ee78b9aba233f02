"""What an untagged plain scalar of YAML is.

Rule: two readings. `plain_core` is the core schema of YAML 1.2 as `vfs.formats.yaml12` narrows it. `plain_dvc` is what DVC's loader
(ruamel.yaml, YAML 1.2) sees: also `010`, `1_000`, `0b1` as integers, `010.5` as a float, `2001-01-31` as a date.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone

# A longer run of digits is text: nothing here counts that far, and Python refuses to parse it.
_MAX_DIGITS = 64

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_OCT = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_DVC_INT = re.compile(r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9_]+)\Z")
_DVC_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|\.[0-9_]+(?:[eE][-+][0-9]+)?)\Z"
)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\Z")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)"
    r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?"
    r"(?:[ \t]*(?:(Z)|([-+])([0-9]{1,2})(?::([0-9]{2}))?))?\Z"
)
_BASES = {"0b": 2, "0o": 8, "0x": 16}
CONSTANTS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


def plain_core(text: str) -> object:
    """The value of a plain scalar in the core schema."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] not in "0123456789+-." or len(text) > _MAX_DIGITS:
        return text
    if _INT.match(text):
        return int(text)
    if _OCT.match(text):
        return int(text[2:], 8)
    if _HEX.match(text):
        return int(text[2:], 16)
    if _FLOAT.match(text):
        return float(text)
    return text


def plain_dvc(text: str) -> object:
    """The value of a plain scalar as DVC's loader sees it."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] not in "0123456789+-." or len(text) > _MAX_DIGITS:
        return text
    try:
        if _DVC_INT.match(text):
            bare = text.replace("_", "")
            sign, digits = ("-", bare[1:]) if bare[0] == "-" else ("", bare.lstrip("+"))
            return int(sign + digits, _BASES.get(digits[:2], 10))
        if _DVC_FLOAT.match(text):
            return float(text.replace("_", ""))
        return _timestamp(text)
    except ValueError:
        return text


def _timestamp(text: str) -> object:
    """A date or time, or the text itself."""
    if found := _DATE.match(text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    found = _TIME.match(text)
    if found is None:
        return text
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction = found[7] or ""
    micro = int(fraction[:6].ljust(6, "0")) + (fraction[6:7] > "4")
    zone: timezone | None = UTC if found[8] else None
    if found[9]:
        offset = timedelta(hours=int(found[10]), minutes=int(found[11] or 0))
        zone = timezone(-offset if found[9] == "-" else offset)
    return datetime(year, month, day, hour, minute, second, micro, zone)
