"""Starting, first bytes, listing and stat."""

from collections.abc import Iterator
from statistics import median
from time import perf_counter

from tests.bench.field import data
from tests.bench.field.course import Course
from tests.bench.field.found import Kind
from tests.bench.field.took import NoAnswer

_FIRST = 9  # files, each in another place


def first_bytes(course: Course) -> Iterator[tuple[str, float]]:
    """To the first byte of files all over the data set; the first of them, which may set up connections, is left out."""
    listed = data.names(course.place.size)
    count = 3 if course.peer.kind is Kind.COPY else _FIRST  # each of which is a command
    some = listed[3 :: max(1, len(listed) // count)]
    with course.fresh() as running:
        yield "first_byte", median(running.reader.first(some)[1:])


def ready(course: Course) -> Iterator[tuple[str, float]]:
    """From starting it to the end of the first `ls`; then the whole listing."""
    course.peer.forget(course.place)
    course.cool()
    began = perf_counter()
    running = course.peer.start(course.place)
    try:
        if course.peer.kind in (Kind.COPY, Kind.LIBRARY) or running.reader.root is None:
            raise NoAnswer("no names before everything is copied")
        list(running.reader.root.iterdir())
        yield "ready", perf_counter() - began
        yield "list_cold", running.reader.listing("small").rate
        course.cool_names()
        yield "list_again", running.reader.listing("small").rate
        course.cool_names()
        names = data.shuffled(data.names(course.place.size), course.seed)
        yield "stat", running.reader.stats(names).rate
    finally:
        running.stop()


PARTS = [
    (("first_byte",), first_bytes),
    (("ready", "list_cold", "list_again", "stat"), ready),
]
