"""Values of two revisions, compared key by key.

Rule: pure. Keys are dotted, lists are compared as a whole and told as text, and a number's change is `new - old`
(source: DVC's `utils/diff.py`, `repo/metrics/show.py`), so that `--json` is what DVC prints.
"""

import json
from collections.abc import Mapping
from typing import Any

Value = Any
"""What a YAML, JSON or TOML document can hold."""

Change = dict[str, Value]
"""`old`, `new` (None: not there), and of two numbers `diff`."""

Difference = dict[str, dict[str, Change]]
"""By file and dotted key."""

_MAX_DEPTH = 200


def numbers(document: Value) -> Value:
    """What counts as a metric in a document: numbers and texts, in mappings; {} if nothing does."""
    kept = _metric(document, 0)
    return {} if kept is None else kept


def _metric(value: Value, depth: int) -> Value:
    if isinstance(value, int | float | str):
        return value
    if not isinstance(value, Mapping) or depth > _MAX_DEPTH:
        return None
    kept = {key: _metric(item, depth + 1) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item is not None and item != {}}


def flat(document: Value) -> dict[str, Value]:
    """The values of a document by dotted key; one that is no mapping has the key ""."""
    if not isinstance(document, Mapping):
        return {} if document is None else {"": _plain(document)}
    found: dict[str, Value] = {}
    stack = [("", document)]
    while stack:
        prefix, mapping = stack.pop()
        for key, value in mapping.items():
            name = f"{prefix}.{key}" if prefix else str(key)
            if isinstance(value, Mapping):
                stack.append((name, value))
            else:
                found[name] = _plain(value)
    return found


def _plain(value: Value) -> Value:
    return str(value) if isinstance(value, list | tuple) else value


def difference(
    old: Mapping[str, Value], new: Mapping[str, Value], *, unchanged: bool = False
) -> Difference:
    """How the documents of two revisions differ.

    Args:
        old: documents by file.
        new: the same of the other revision.
        unchanged: whether to list what is the same, too.
    """
    found: Difference = {}
    for file in sorted(old.keys() | new.keys()):
        changes = _changes(flat(old.get(file)), flat(new.get(file)), unchanged)
        if changes:
            found[file] = changes
    return found


def _changes(
    old: Mapping[str, Value], new: Mapping[str, Value], unchanged: bool
) -> dict[str, Change]:
    changes: dict[str, Change] = {}
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if not unchanged and key in old and key in new and same(was, now):
            continue
        changes[key] = {"old": was, "new": now}
        if isinstance(was, int | float) and isinstance(now, int | float):
            changes[key]["diff"] = _minus(now, was)
    return changes


def same(one: Value, other: Value) -> bool:
    """Whether two values are equal; unlike for Python, a NaN is equal to a NaN."""
    return bool(one == other) or (one != one and other != other)


def _minus(new: float, old: float) -> float:
    try:
        return new - old
    except OverflowError:  # an integer that no float can hold
        return float("inf") if new > old else float("-inf")


def told(value: Value, precision: int | None = None) -> str:
    """A value in a table: `-` for none; floats with at most `precision` digits after the point."""
    if value is None:
        return "-"
    if isinstance(value, float) and precision is not None:
        return str(round(value, precision))
    return str(value)


def to_json(document: Any) -> str:
    """A document for programs. What JSON has no form for (a date) is told as text."""
    return json.dumps(_keyed(document), default=str)


def _keyed(value: Any) -> Any:
    """Keys as texts: a YAML key may be a number, a date or a bool."""
    if isinstance(value, Mapping):
        return {str(key): _keyed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_keyed(item) for item in value]
    return value
