"""Another version, of which every hundredth small file differs: from the command to the first byte of a file that changed."""

from collections.abc import Iterator
from time import perf_counter

from tests.bench.field import data
from tests.bench.field.course import WORKERS, Course
from tests.bench.field.took import NoAnswer


def switch(course: Course) -> Iterator[tuple[str, float]]:
    """All small files of the first version were read before."""
    size = course.place.size
    with course.fresh() as running:
        if running.switch is None:
            raise NoAnswer("shows one version")
        running.reader.epoch(data.names(size), WORKERS, size.epoch)
        name = data.changed(size)[-1]
        root = running.reader.root
        assert root is not None
        before = (root / name).read_bytes()
        began = perf_counter()
        running.switch()
        after = (root / name).read_bytes()
        took = perf_counter() - began
        if before == after:
            raise NoAnswer("the first version is still there")
        yield "switch", took


PARTS = [(("switch",), switch)]
