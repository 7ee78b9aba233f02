"""One large file: in sequence and at random, cold and warm."""

from collections.abc import Callable, Iterator

from tests.bench.field.course import Course
from tests.bench.field.data import BIG

_KIB = 1 << 10


def sequential(course: Course) -> Iterator[tuple[str, float]]:
    """Cold, then what is warm after that."""
    size, seconds = course.place.size.large, course.place.size.seconds
    with course.fresh() as running:
        reader = running.reader
        with course.watched(running) as watched:
            took = reader.sequential(BIG, size)
        yield "seq_cold", took.megabytes
        if course.peer.remote:
            yield "seq_cold_fetched", watched.bytes / took.bytes
        if watched.memory:
            yield "seq_cold_memory", watched.memory / 1e6
        yield "seq_warm", reader.sequential(BIG, size).megabytes
        if course.wants("seq_hot"):
            yield "seq_hot", reader.again(BIG, size).megabytes
        if course.wants("random4_warm"):
            yield "random4_warm", reader.at_random(BIG, size, 4 * _KIB, seconds).rate
        if course.wants("random256_warm"):
            yield "random256_warm", reader.at_random(BIG, size, 256 * _KIB, seconds).megabytes


def at_random(metric: str, block: int) -> Callable[[Course], Iterator[tuple[str, float]]]:
    """Cold random reads of one size."""

    def run(course: Course) -> Iterator[tuple[str, float]]:
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
            "seq_cold", "seq_cold_fetched", "seq_cold_memory", "seq_warm", "seq_hot", "random4_warm", "random256_warm",
        ),
        sequential,
    ),
    (("random4_cold", "random4_cold_fetched"), at_random("random4_cold", 4 * _KIB)),
    (("random256_cold", "random256_cold_fetched"), at_random("random256_cold", 256 * _KIB)),
]  # fmt: skip
