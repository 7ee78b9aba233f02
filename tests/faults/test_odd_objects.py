"""Something else than a file lies where an object should: it is named, and the rest comes."""

import os
from pathlib import Path

import pytest

from vfs.testing.clones import Clone, handmade_clone, objects
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.variants import soak


def a_directory(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


@pytest.mark.parametrize(
    ("odd", "count"),
    [
        (a_directory, 20),
        (a_pipe, 20),
        (a_pipe, 1500),  # by processes
        (a_link_to_nothing, 20),
        soak(a_directory, 1500),
        soak(a_link_to_nothing, 1500),
    ],
)
def test_on_the_remote(handmade: HandmadeRepository, odd: object, count: int) -> None:
    handmade.commit(directories={"data": {f"{n:04d}": b"%d" % n for n in range(count)}})
    one = handmade_clone(handmade, "one", cached=False)
    spoil(handmade.remote, b"3", odd)
    assert "data/0003: " in one.vfs("fetch", code=11)
    assert sum(1 for _ in objects(one.cache)) == count  # with the list


@pytest.mark.parametrize("odd", [a_directory, a_pipe, a_link_to_nothing])
def test_in_the_cache(handmade: HandmadeRepository, odd: object) -> None:
    handmade.commit(directories={"data": {f"{n:04d}": b"%d" % n for n in range(20)}})
    one: Clone = handmade_clone(handmade, "one", cached=True)
    handmade.lose_remote()
    spoil(one.cache, b"3", odd)
    assert "data/0003: " in one.vfs("push", code=16)
    assert sum(1 for _ in objects(handmade.remote)) == 19


def spoil(store: Path, data: bytes, odd: object) -> None:
    [path] = [path for _, path in objects(store) if path.read_bytes() == data]
    path.unlink()
    assert callable(odd)
    odd(path)
