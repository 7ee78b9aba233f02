"""Which keys and types a `dvc.yaml` may have.

Format (source: DVC's `schema.py`, 3.67). Checked before any `${…}` is replaced: a flag is never a variable.
"""

import string
from collections.abc import Iterator
from typing import Any, NamedTuple

from vfs.formats.fields import clip, describe

NOT_IN_NAMES = frozenset(string.punctuation) - {"_", "-"}
"""What DVC does not accept in the name of a new stage; in a file it reads it."""

Keys = tuple[Any, ...]
"""Keys and indices that lead to a value."""


class Fault(NamedTuple):
    """What is wrong, and where."""

    keys: Keys
    problem: str


class Record(NamedTuple):
    """A mapping with known keys."""

    fields: dict[str, Any]
    required: tuple[str, ...] = ()


class Table(NamedTuple):
    """A mapping of any names."""

    values: Any


class OneOf(NamedTuple):
    """Values of several kinds."""

    kinds: tuple[Any, ...]


_TEXTS = [str]
_ANNOTATIONS = {"desc": str, "type": str, "labels": _TEXTS, "meta": object}
_FLAGS = {"cache": bool, "persist": bool, "checkpoint": bool, "remote": str, "push": bool}
PLOT_KEYS = ("template", "x", "y", "x_label", "y_label", "title", "header")
_PLOT = {**dict.fromkeys(PLOT_KEYS, str), "header": bool}
_OUTS = [OneOf((str, Table(Record({**_ANNOTATIONS, **_FLAGS}))))]
_PLOTS = [OneOf((str, Table(Record({**_ANNOTATIONS, **_FLAGS, **_PLOT}))))]
_VARS = [OneOf((str, dict))]
STAGE = Record(
    {
        "matrix": Table(OneOf((str, list))),
        "cmd": OneOf((str, _TEXTS)),
        "wdir": str,
        "deps": _TEXTS,
        "params": [OneOf((str, dict))],
        "vars": _VARS,
        "frozen": bool,
        "meta": object,
        "desc": str,
        "always_changed": bool,
        "outs": _OUTS,
        "metrics": _OUTS,
        "plots": _PLOTS,
    },
    required=("cmd",),
)
_FOREACH = Record(
    {"foreach": OneOf((dict, list, str)), "do": STAGE},
    required=("foreach", "do"),
)
_AXIS = OneOf((str, Table(str)))
_AXES = OneOf((str, _TEXTS, Table(OneOf((str, _TEXTS)))))
_PLOT_DEFINITION = Record(
    {"x": _AXIS, "y": _AXES, "x_label": str, "y_label": str, "title": str, "template": str}
)
_TOP = Record(
    {
        "datasets": object,
        "plots": [OneOf((str, Table(OneOf((_PLOT_DEFINITION, type(None))))))],
        "stages": Table(object),
        "vars": _VARS,
        "params": _TEXTS,
        "metrics": _TEXTS,
        "artifacts": Table(Record({"path": str, **_ANNOTATIONS}, required=("path",))),
    }
)
_KINDS: dict[Any, tuple[type, str]] = {
    str: (str, "a string"),
    bool: (bool, "true or false"),
    dict: (dict, "a mapping"),
    list: (list, "a list"),
    type(None): (type(None), "nothing"),
}


def faults(document: Any) -> Iterator[Fault]:
    """What does not fit in a `dvc.yaml`; nothing if it is as it should be."""
    yield from _check(document, _TOP, ())
    if isinstance(document, dict) and isinstance(document.get("stages"), dict):
        for name, stage in document["stages"].items():
            yield from _stage(name, stage)


def _stage(name: Any, stage: Any) -> Iterator[Fault]:
    keys = ("stages", name)
    if isinstance(name, str) and (not name or "@" in name):
        yield Fault(keys, f"{clip(name)} is no name for a stage")
    many = isinstance(stage, dict) and ("foreach" in stage or "do" in stage)
    yield from _check(stage, _FOREACH if many else STAGE, keys)


def _check(value: Any, spec: Any, keys: Keys) -> Iterator[Fault]:
    if spec is object or (spec is str and isinstance(value, str)):
        return
    if isinstance(spec, OneOf):
        fitting = [kind for kind in spec.kinds if isinstance(value, _kind(kind)[0])]
        if fitting:
            yield from _check(value, fitting[0], keys)
            return
        expected = " or ".join(_kind(kind)[1] for kind in spec.kinds)
        yield Fault(keys, f"expected {expected}, found {describe(value)}")
        return
    kind, expected = _kind(spec)
    if not isinstance(value, kind):
        yield Fault(keys, f"expected {expected}, found {describe(value)}")
    elif isinstance(spec, (Record, Table)) and isinstance(value, dict):
        yield from _mapping(value, spec, keys)
    elif isinstance(spec, list) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _check(item, spec[0], (*keys, index))


def _mapping(value: dict[Any, Any], spec: Record | Table, keys: Keys) -> Iterator[Fault]:
    for key, item in value.items():
        if isinstance(spec, Record) and key not in spec.fields:
            expected = ", ".join(sorted(spec.fields))
            yield Fault((*keys, key), f"unknown key {clip(key)}, expected one of: {expected}")
        elif not isinstance(key, str):
            yield Fault((*keys, key), f"expected a string as key, found {describe(key)}")
        else:
            inner = spec.fields[key] if isinstance(spec, Record) else spec.values
            yield from _check(item, inner, (*keys, key))
    if isinstance(spec, Record):
        for key in spec.required:
            if key not in value:
                yield Fault(keys, f"has no {key}")


def _kind(spec: Any) -> tuple[type, str]:
    """The type of a specification, and its name."""
    if isinstance(spec, (Record, Table)):
        return _KINDS[dict]
    return _KINDS[list] if isinstance(spec, list) else _KINDS[spec]
