"""Epochs over the small files by four workers: in order, shuffled, with the order told before, after a traced one; warm."""

import importlib.util
from collections.abc import Iterator

from tests.bench.field import data
from tests.bench.field.course import WORKERS, Course, Watched
from tests.bench.field.found import Kind
from tests.bench.field.peers.base import Running
from tests.bench.field.peers.vfs_mount import Vfs
from tests.bench.field.took import NoAnswer

Figures = Iterator[tuple[str, float]]


def in_order(course: Course) -> Figures:
    """Cold, by path."""
    size = course.place.size
    with course.fresh() as running, course.watched(running) as watched:
        took = running.reader.epoch(data.names(size), WORKERS, size.epoch)
    yield "epoch_order", took.rate
    if course.peer.remote:
        yield "epoch_order_fetched", watched.bytes / took.bytes


def shuffled(course: Course) -> Figures:
    """Cold, then what is warm after that; what the cold one was cut short by is read without counting, where that can be."""
    size = course.place.size
    names = data.names(size)
    with course.fresh() as running:
        with course.watched(running) as watched:
            took = running.reader.epoch(data.shuffled(names, course.seed), WORKERS, size.epoch)
        yield "epoch_shuffled", took.rate
        if course.peer.remote:
            yield "epoch_shuffled_fetched", watched.bytes / took.bytes
        if watched.memory:
            yield "epoch_shuffled_memory", watched.memory / 1e6
        if watched.seconds:
            yield "epoch_shuffled_used", watched.seconds / took.count * 1e6
        if course.peer.kind is Kind.LIBRARY:
            return
        if took.count < len(names):
            running.reader.epoch(names, WORKERS, size.epoch)
        yield from _warm(course, running)


def _warm(course: Course, running: Running) -> Figures:
    size, watched = course.place.size, Watched()
    if course.wants("epoch_warm", "epoch_warm_used"):
        order = data.shuffled(data.names(size), course.seed + 1)
        running.reader.forget(order)
        with course.metered(running, watched):
            took = running.reader.epoch(order, WORKERS, size.epoch)
        yield "epoch_warm", took.rate
        if watched.seconds:
            yield "epoch_warm_used", watched.seconds / took.count * 1e6
    if course.wants("epoch_hot"):
        order = data.shuffled(data.names(size), course.seed + 2)
        yield "epoch_hot", running.reader.epoch(order, WORKERS, size.epoch).rate


def hinted(course: Course) -> Figures:
    """Cold, the mount told of the order by `vfs.hints`."""
    if course.peer.kind is not Kind.OURS:
        raise NoAnswer("no such thing")
    if importlib.util.find_spec("vfs.hints") is None:
        raise NoAnswer("not built: no vfs.hints")
    size = course.place.size
    order = data.shuffled(data.names(size), course.seed)
    with course.fresh() as running:
        yield "epoch_hinted", running.reader.epoch(order, WORKERS, size.epoch, hinted=True).rate


def traced(course: Course) -> Figures:
    """Cold, in the order of the run before, by a stage whose last run was traced; nothing is told beforehand."""
    if not isinstance(course.peer, Vfs):
        raise NoAnswer("no such thing")
    size = course.place.size
    order = data.shuffled(data.names(size), course.seed)
    took = course.peer.traced_epoch(course.place, order, WORKERS, size.epoch, course.cool)
    yield "epoch_traced", took.rate


PARTS = [
    (("epoch_order", "epoch_order_fetched"), in_order),
    (
        (
            "epoch_shuffled",
            "epoch_shuffled_fetched",
            "epoch_shuffled_memory",
            "epoch_shuffled_used",
            "epoch_warm",
            "epoch_warm_used",
            "epoch_hot",
        ),
        shuffled,
    ),
    (("epoch_hinted",), hinted),
    (("epoch_traced",), traced),
]
