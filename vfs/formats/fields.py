"""Typed access to the values of a parsed file.

Purpose: one place that says, for every wrong type or unknown key, which file, which key (as a
path such as `outs[2].md5`) and what was expected.

Invariant: raises nothing but `FormatError`.
"""

from collections.abc import Iterator
from typing import Any, overload

from vfs.errors import FormatError

_SHOWN = 60


class Fields:
    """A mapping at a known place in a file.

    Attributes:
        file: name for messages.
        where: key path of this mapping, "" for the whole document.
    """

    __slots__ = ("_values", "file", "where")

    def __init__(self, value: object, file: str, where: str = "") -> None:
        self.file = file
        self.where = where
        if not isinstance(value, dict):
            raise self.error("", f"expected a mapping, found {describe(value)}")
        self._values: dict[Any, Any] = value

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def has_key(self, key: str) -> bool:
        """Whether the key is written at all, even with an empty value."""
        return key in self._values

    def raw(self, key: str) -> Any:
        """The value as it was read, None if absent."""
        return self._values.get(key)

    def allow(self, keys: frozenset[str]) -> None:
        """Refuse any key outside `keys`."""
        for key in self._values:
            if key not in keys:
                expected = ", ".join(sorted(keys))
                raise self.error(
                    "", f"unknown key {clip(key)}, expected one of: {expected}", _NEWER_HINT
                )

    @overload
    def text(self, key: str, default: str) -> str: ...
    @overload
    def text(self, key: str, default: None = None) -> str | None: ...
    def text(self, key: str, default: str | None = None) -> str | None:
        """A string, or `default` if absent or null."""
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.error(key, f"expected a string, found {describe(value)}")
        return value

    def required_text(self, key: str) -> str:
        """A string that must be there and not be empty."""
        value = self.text(key)
        if not value:
            raise self.error(key, "expected a string, found nothing")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(key, f"expected true or false, found {describe(value)}")
        return value

    def count(self, key: str) -> int | None:
        """A whole number from 0 to 2**63-1, None if absent."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
            raise self.error(key, f"expected a whole number >= 0, found {describe(value)}")
        return value

    def items(self, key: str) -> list[Any]:
        """A list; absent or null is empty."""
        value = self._values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(key, f"expected a list, found {describe(value)}")
        return value

    def child(self, key: str) -> "Fields":
        """A mapping below `key`."""
        return Fields(self._values.get(key), self.file, self.path(key))

    def children(self) -> Iterator[tuple[str, object]]:
        """All pairs; every key must be a string."""
        for key, value in self._values.items():
            if not isinstance(key, str):
                raise self.error("", f"expected a string as key, found {describe(key)}")
            yield key, value

    def path(self, key: str) -> str:
        """Key path of `key` for messages."""
        return f"{self.where}.{key}" if self.where and key else self.where or key

    def error(self, key: str, problem: str, hint: str | None = None) -> FormatError:
        """The error for `key` (or for the mapping itself, with "")."""
        where = self.path(key)
        return FormatError(f"{where}: {problem}" if where else problem, file=self.file, hint=hint)


_NEWER_HINT = "the file may have been written by a newer DVC, or by hand"


def clip(value: object) -> str:
    """A short printable form of a value of unknown size."""
    if isinstance(value, str):
        return ascii(value[:_SHOWN]) + ("…" if len(value) > _SHOWN else "")
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return "a huge number"
    return repr(value)


def describe(value: object) -> str:
    """A value for messages, by its YAML kind."""
    if value is None:
        return "nothing"
    kinds = {str: "the string ", bool: "", int: "the number ", float: "the number "}
    return kinds.get(type(value), "") + clip(value)
