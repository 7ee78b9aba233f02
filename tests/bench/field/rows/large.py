"""One large file: in sequence and at random, cold and warm."""

from collections.abc import Callable, Iterator

from tests.bench.field.course import Course, Watched
from tests.bench.field.data import BIG
from tests.bench.field.peers.base import Kind, Running

_KIB = 1 << 10
Figures = Iterator[tuple[str, float]]


def sequential(course: Course) -> Figures:
    """Cold, then what is warm after that."""
    with course.fresh() as running:
        with course.watched(running) as watched:
            took = running.reader.sequential(BIG, course.place.size.large)
        yield "seq_cold", took.megabytes
        if course.peer.remote:
            yield "seq_cold_fetched", watched.bytes / took.bytes
        if watched.memory:
            yield "seq_cold_memory", watched.memory / 1e6
        if watched.seconds:
            yield "seq_cold_used", watched.seconds / took.bytes * 1e9
        if course.peer.kind is not Kind.LIBRARY:
            yield from _warm(course, running)


def _warm(course: Course, running: Running) -> Figures:
    size, reader, watched = course.place.size, running.reader, Watched()
    with course.metered(running, watched):
        took = reader.sequential(BIG, size.large)
    yield "seq_warm", took.megabytes
    if watched.seconds:
        yield "seq_warm_used", watched.seconds / took.bytes * 1e9
    if course.wants("seq_hot"):
        yield "seq_hot", reader.again(BIG, size.large).megabytes
    if course.wants("random4_warm", "random4_warm_used"):
        with course.metered(running, watched):
            took = reader.at_random(BIG, size.large, 4 * _KIB, size.seconds)
        yield "random4_warm", took.rate
        if watched.seconds:
            yield "random4_warm_used", watched.seconds / took.count * 1e6
    if course.wants("random256_warm"):
        yield (
            "random256_warm",
            reader.at_random(BIG, size.large, 256 * _KIB, size.seconds).megabytes,
        )


def at_random(metric: str, block: int) -> Callable[[Course], Figures]:
    """Cold random reads of one size."""

    def run(course: Course) -> Figures:
        size = course.place.size
        with course.fresh() as running, course.watched(running) as watched:
            took = running.reader.at_random(BIG, size.large, block, size.seconds)
        yield metric, took.rate if block < 64 * _KIB else took.megabytes
        if course.peer.remote:
            yield f"{metric}_fetched", watched.bytes / took.bytes

    return run


PARTS = [
    (
        (
            "seq_cold", "seq_cold_fetched", "seq_cold_memory", "seq_cold_used", "seq_warm", "seq_warm_used", "seq_hot",
            "random4_warm", "random4_warm_used", "random256_warm",
        ),
        sequential,
    ),
    (("random4_cold", "random4_cold_fetched"), at_random("random4_cold", 4 * _KIB)),
    (("random256_cold", "random256_cold_fetched"), at_random("random256_cold", 256 * _KIB)),
]  # fmt: skip
