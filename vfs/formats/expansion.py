"""Stages that `foreach` and `matrix` generate.

Rules (source: DVC's `parsing/__init__.py`): `foreach: list|mapping|"${x}"` makes `name@key` (the item itself for plain lists, its index
if any item is composite); `matrix: {a: [...], b: [...]}` makes `name@a0-b0` (the items joined by `-`, `<key><index>` for composite ones).
A truth value is spelled `true` if it is written in place, `True` if it came from a variable. Of two items with one key the last counts.

Invariant: raises nothing but `FormatError`.
"""

from itertools import product
from math import prod
from typing import Any, TypeGuard

from vfs.errors import FormatError
from vfs.formats import templating
from vfs.formats.fields import clip
from vfs.formats.templating import Into, Variables
from vfs.formats.variables import merged

MAX_GENERATED = 100_000
RESERVED = frozenset({"item", "key"})

Generated = dict[str, Variables]
"""What each stage's `item` (and `key`) is, by what stands behind the `@`."""


def is_group(definition: object) -> TypeGuard[dict[Any, Any]]:
    """Whether an entry of `stages` generates stages."""
    return isinstance(definition, dict) and ("foreach" in definition or "matrix" in definition)


def body_of(definition: dict[Any, Any]) -> Any:
    """What the generated stages are made from."""
    if "foreach" in definition:
        return definition.get("do")
    return {key: value for key, value in definition.items() if key != "matrix"}


def expand(definition: dict[Any, Any], variables: Variables, file: str) -> Generated:
    """The stages that an entry of `stages` generates, in DVC's order.

    Raises:
        FormatError: unresolved, not of the right kind, or too many.
    """
    if "foreach" in definition:
        return _foreach(definition["foreach"], variables, file)
    return _matrix(definition["matrix"], variables, file)


def _foreach(written: Any, variables: Variables, file: str) -> Generated:
    items = templating.resolve(written, variables, file, Into.ANY)
    if isinstance(items, dict):
        from_variable = templating.is_expression(written)
        return {
            _spelled(key, from_variable): _scope(
                {"item": item, "key": _spelled(key, from_variable)}, file
            )
            for key, item in items.items()
        }
    if not isinstance(items, list):
        raise FormatError(f"foreach: expected a list or mapping, found {clip(items)}", file=file)
    if len(items) > MAX_GENERATED:
        raise FormatError(f"foreach: makes more than {MAX_GENERATED} stages", file=file)
    if any(isinstance(item, (dict, list)) for item in items):
        return {str(index): _scope({"item": item}, file) for index, item in enumerate(items)}
    origins = _origins(written, len(items))
    return {
        _spelled(item, origin): {"item": item} for item, origin in zip(items, origins, strict=True)
    }


def _matrix(written: Any, variables: Variables, file: str) -> Generated:
    if not isinstance(written, dict) or not written:
        raise FormatError(f"matrix: expected a mapping, found {clip(written)}", file=file)
    axes: list[list[tuple[str, Any]]] = []
    for name, axis in written.items():
        values = templating.resolve(axis, variables, file, Into.ANY)
        if not isinstance(values, (list, dict, str)):
            raise FormatError(
                f"matrix.{clip(name)}: expected a list, found {clip(values)}", file=file
            )
        values = list(values)  # of a mapping the keys, of a text its letters: as in DVC
        axes.append(
            [
                (
                    f"{name}{index}"
                    if isinstance(value, (dict, list))
                    else _spelled(value, origin),
                    value,
                )
                for index, (value, origin) in enumerate(
                    zip(values, _origins(axis, len(values)), strict=True)
                )
            ]
        )
    if prod(len(axis) for axis in axes) > MAX_GENERATED:
        raise FormatError(f"matrix: makes more than {MAX_GENERATED} stages", file=file)
    generated: Generated = {}
    for combination in product(*axes):
        key = "-".join(text for text, _ in combination)
        item = dict(zip(written, (value for _, value in combination), strict=True))
        generated[key] = _scope({"item": item, "key": key}, file)
    return generated


def _scope(values: Variables, file: str) -> Variables:
    return merged(values, file)


def _origins(written: Any, count: int) -> list[bool]:
    """Which of the items come from a variable as they are."""
    if isinstance(written, list):
        return [templating.is_expression(item) for item in written]
    return [templating.is_expression(written)] * count


def _spelled(value: object, from_variable: bool) -> str:
    if isinstance(value, bool) and not from_variable:
        return "true" if value else "false"
    return str(value)
