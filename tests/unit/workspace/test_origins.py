"""Which places are asked for a content whose origin a switch has replaced."""

import time

import pytest

from vfs.types import Algorithm, Digest, Entry, Kind
from vfs.workspace.grafts import Grafts
from vfs.workspace.origins import DvcOrigin, Origin, Origins, UrlOrigin
from vfs.workspace.stores import DvcStore, RemoteRef


def objects(name: str) -> DvcOrigin:
    return DvcOrigin(DvcStore((f"/{name}",)))


def source(name: str) -> UrlOrigin:
    return UrlOrigin(objects("cache"), RemoteRef(name, f"/{name}"), "key")


def snapshot(origins: Origins, leaves: dict[bytes, tuple[Origin, bytes]]) -> Grafts:
    grafts = Grafts()
    for path, (origin, value) in leaves.items():
        digest = Digest(Algorithm.MD5, value * 16)
        entry = Entry(path, Kind.FILE, digest, 1, origin=origins.number(origin))
        grafts.put(path, entry)
    grafts.seal(None, lambda tree, name: None)
    return grafts


class History:
    """Snapshots shown one after the other."""

    def __init__(self, leaves: dict[bytes, tuple[Origin, bytes]]) -> None:
        self.origins = Origins()
        self.shown = snapshot(self.origins, leaves)

    def switch(self, leaves: dict[bytes, tuple[Origin, bytes]]) -> bool:
        new = snapshot(self.origins, leaves)
        replaced = self.shown.replaced(new)
        self.shown = new
        return self.origins.supersede(replaced, new.origins)

    def asked(self, origin: Origin) -> list[Origin]:
        numbers = self.origins.newest_first(self.origins.number(origin))
        return [self.origins.all()[number] for number in numbers]


def test_the_newest_place_is_asked_before_the_one_a_file_was_found_at() -> None:
    one, two, three = objects("1"), objects("2"), objects("3")
    history = History({b"a": (one, b"x")})
    assert history.asked(one) == [one]
    assert history.switch({b"a": (two, b"x")})
    assert history.asked(one) == [two, one]
    assert history.switch({b"a": (three, b"x")})
    assert history.asked(one) == [three, one]
    assert history.asked(two) == [three, two]
    assert not history.switch({b"a": (three, b"x"), b"b": (three, b"y")})


def test_going_back_makes_the_old_place_the_newest() -> None:
    one, two = objects("1"), objects("2")
    history = History({b"a": (one, b"x")})
    history.switch({b"a": (two, b"x")})
    assert history.switch({b"a": (one, b"x")})
    assert history.asked(one) == [one]
    assert history.asked(two) == [one, two]


def test_a_place_still_in_use_is_not_replaced() -> None:
    one, two = objects("1"), objects("2")
    history = History({b"a": (one, b"x"), b"b": (one, b"y")})
    assert not history.switch({b"a": (two, b"x"), b"b": (one, b"y")})
    assert history.asked(one) == [one]


def test_a_place_replaced_by_several() -> None:
    one, two, three = objects("1"), objects("2"), objects("3")
    history = History({b"a": (one, b"x"), b"b": (one, b"y"), b"c": (one, b"z")})
    history.switch({b"a": (two, b"x"), b"b": (three, b"y"), b"c": (two, b"z")})
    assert sorted(map(repr, history.asked(one)[:2])) == sorted(map(repr, (two, three)))
    assert history.asked(one)[2:] == [one]


@pytest.mark.parametrize(("content", "follows"), [(b"x", True), (b"y", False)])
def test_a_source_is_asked_for_the_same_content_only(content: bytes, follows: bool) -> None:
    """An import's source is not asked by digest: under its key it may have something else now."""
    old, new = source("old"), source("new")
    history = History({b"a": (old, b"x")})
    assert history.switch({b"a": (new, content)}) is follows
    assert history.asked(old) == ([new, old] if follows else [old])


def test_a_hundred_thousand_origins_are_numbered_at_once() -> None:
    """Files that were imported one by one have an origin each."""
    origins = Origins()
    store, remote = objects("cache"), RemoteRef("s", "/s")
    made = [UrlOrigin(store, remote, f"{number}") for number in range(100_000)]
    began = time.process_time()
    assert [origins.number(origin) for origin in made] == list(range(100_000))
    assert time.process_time() - began < 5, "the time of one does not grow with their number"
    assert origins.all()[99_999] is made[-1]
