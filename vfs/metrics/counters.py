"""Counters that any layer may keep; `vfs.metrics.table` says under which names they are shown.

    class FetchCounters(Counters):
        requests: int = 0
        bytes_received: int = 0

    counters = FetchCounters()
    counters.requests += 1

Rule: a counter is a plain int attribute, so counting costs one attribute add and needs no lock. Two threads that add
at the same moment may lose one step, nothing worse; counters inform, they never decide.
"""

from inspect import get_annotations


class Counters:
    """Base of a group of named integers; subclasses declare them as annotated class attributes."""

    def snapshot(self) -> dict[str, int]:
        """The values now, by name, in the order of declaration (base classes first)."""
        return {name: getattr(self, name) for name in self.names()}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names declared by this class and its bases."""
        found: dict[str, None] = {}
        for base in reversed(cls.__mro__[:-1]):
            found.update(dict.fromkeys(get_annotations(base)))
        return tuple(found)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.snapshot().items())
        return f"{type(self).__name__}({values})"
