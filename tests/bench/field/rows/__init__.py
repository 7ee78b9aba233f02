"""The rows. Each module measures one group by `run(course)`, which yields metric and figure; `METRICS` are those that it can give."""

from collections.abc import Callable, Iterator
from types import ModuleType

from tests.bench.field.course import Course
from tests.bench.field.rows import epoch, large, names, switch

Figures = Iterator[tuple[str, float]]
Run = Callable[[Course], Figures]


def groups() -> list[ModuleType]:
    """In the order in which they are measured."""
    return [names, large, epoch, switch]


def parts() -> list[tuple[tuple[str, ...], Run]]:
    """What can be measured by itself: its metrics, and how."""
    return [part for group in groups() for part in group.PARTS]
