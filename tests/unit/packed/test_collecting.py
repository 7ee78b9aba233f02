"""Collecting on a packed remote: what goes, when, and what a pusher at any moment, or a kill, makes of it."""

import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from vfs.errors import FormatError
from vfs.formats.packs import CONDEMNED, MANIFESTS, PACKS, REMOVED
from vfs.packed import Known, PackedRemote, Pusher, learn_packs, read_files
from vfs.packed.collect import Collector, Garbage
from vfs.packed.known import Listed
from vfs.remotes import Remote, RemoteSpec, open_remote
from vfs.remotes.base import Ask, ObjectInfo, once
from vfs.testing.packed import Files, items_of, pointer_of, push
from vfs.testing.variants import soak

DAY = 86400.0


def small(count: int, seed: int = 1, size: int = 3000) -> dict[bytes, bytes]:
    made = random.Random(seed)
    return {b"d/%05d" % n: made.randbytes(size) for n in range(count)}


def read_back(remote: Remote, files: Files) -> None:
    """Assert that a directory comes back whole."""
    manifest = PackedRemote(remote).manifest(pointer_of(files))
    manifest.check()
    found: dict[bytes, bytearray] = {}
    for piece in read_files(remote, manifest.root.packs, manifest.files()):
        whole = found.setdefault(piece.file.path, bytearray(piece.file.size))
        whole[piece.offset : piece.offset + len(piece.data)] = piece.data
    assert {path: bytes(data) for path, data in found.items()} == files


class Clocked:
    """A remote with a clock of its own, that does something before one of its requests.

    Attributes:
        now: seconds since the epoch.
        put_at: when each object was put.
        left: requests until `action`.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self.put_at: dict[str, float] = {}
        self.now = 1e9
        self.left = 0
        self.action: Callable[[], object] = lambda: None

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.action()

    def put(self, key: str, body: Any, *, if_absent: bool = False) -> bool:
        self._count()
        done = self._remote.put(key, body, if_absent=if_absent)
        if done:
            self.put_at[key] = self.now
        return done

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        self._count()
        for info in self._remote.list(prefix, after=after):
            yield info._replace(modified=self.put_at[info.key])

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._remote, name)
        if name not in ("get", "head", "delete"):
            return found

        def call(*arguments: Any, **more: Any) -> Any:
            self._count()
            return found(*arguments, **more)

        return call


class Place:
    """A remote in a directory."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self.root = root
        self.clock = Clocked(open_remote(RemoteSpec("test", str(root))))
        self.remote = cast("Remote", self.clock)

    def keys(self, prefix: str = "") -> set[str]:
        return {info.key for info in self.remote.list(prefix)}

    def pass_time(self) -> None:
        """Longer than the grace period."""
        self.clock.now += 15 * DAY

    def collector(self, *needed: Files, **more: Any) -> Collector:
        pointers = {pointer_of(files) for files in needed}
        self.clock.now += 1
        options: dict[str, Any] = {"now": self.clock.now, "grace": 14 * DAY, "jobs": 1}
        return Collector(PackedRemote(self.remote), pointers, **options | more)

    def gc(self, *needed: Files, **more: Any) -> Garbage:
        return self.collector(*needed, **more).run()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "clocked")


ONE, TWO = small(40, 1), small(40, 2)
MIXED = {**dict(sorted(ONE.items())[:3]), b"own": b"own"}
"""A few files of `ONE`: its pack is mostly dead if only this is needed."""


def test_what_nothing_needs_goes_after_the_grace_period(place: Place) -> None:
    push(place.remote, ONE)
    push(place.remote, TWO)
    before = place.keys(PACKS)
    assert place.gc(TWO).young == 1
    assert place.keys(PACKS) == before
    place.pass_time()
    did = place.gc(TWO)
    assert [info.key for info in did.removed] == [pointer_of(ONE).key]
    assert len(did.condemned) == did.kept == 1
    assert place.keys(PACKS) == before, "it is condemned, and waits"
    assert len(place.keys(CONDEMNED)) == len(place.keys(REMOVED)) == 1
    did = place.gc(TWO)
    assert (did.condemned, did.swept, len(did.waiting)) == ([], [], 1)
    place.pass_time()
    did = place.gc(TWO)
    assert {entry.pack.key for entry in did.swept} == before - place.keys(PACKS)
    assert place.keys() == {pointer_of(TWO).key, *(before & place.keys(PACKS))}
    read_back(place.remote, TWO)


def test_a_dry_run_changes_nothing_and_says_what_would_go(place: Place) -> None:
    push(place.remote, ONE)
    push(place.remote, TWO)
    push(place.remote, MIXED, expected=1 << 30)
    place.pass_time()
    before = place.keys()
    said = place.gc(MIXED, dry=True)
    assert place.keys() == before
    did = place.gc(MIXED)
    assert {info.key for info in said.removed} == {info.key for info in did.removed}
    assert names(said.condemned) == names(did.condemned)
    assert names(said.repacked) == names(did.repacked) != set()
    place.pass_time()
    said = place.gc(MIXED, dry=True)
    assert names(said.swept) == names(place.gc(MIXED).swept) != set()


def test_mostly_dead_packs_are_repacked(place: Place) -> None:
    large = {b"large": random.Random(5).randbytes(3 << 20), b"a": b"a"}
    push(place.remote, ONE | large, pack_bytes=32 << 20)
    few = {**MIXED, b"large": large[b"large"][: 1 << 20]}
    push(place.remote, few, bases=(pointer_of(ONE | large),), expected=1 << 30)
    place.pass_time()
    old = place.keys(PACKS)
    known = PackedRemote(place.remote).manifest(pointer_of(few))
    did = place.gc(few)
    assert len(did.repacked) == len(did.condemned) == 1
    assert 0 < did.moved < 2 << 20
    read_back(place.remote, few)
    assert {
        piece.file.path for piece in read_files(place.remote, known.root.packs, known.files())
    } == set(few)
    place.pass_time()
    place.gc(few)
    assert len(place.keys(PACKS) & old) == len(old) - 1
    read_back(place.remote, few)
    place.pass_time()
    assert place.gc(few).repacked == [], "nothing is moved twice"


def test_a_pack_of_tiny_files_that_all_live_is_left_alone(place: Place) -> None:
    files = {b"%03d" % n: b"%d" % n for n in range(1, 50)}
    push(place.remote, files)
    push(place.remote, {b"": b"x"})
    place.pass_time()
    assert place.gc(files, {b"": b"x"}).repacked == []


def test_who_relied_on_a_removed_manifest_gets_it_back(place: Place) -> None:
    push(place.remote, ONE)
    place.pass_time()
    place.gc()
    assert place.keys(MANIFESTS) == set()
    place.pass_time()
    assert place.gc(ONE, dry=True).restored == [pointer_of(ONE).key]
    assert place.keys(MANIFESTS) == set()
    assert place.gc(ONE).restored == [pointer_of(ONE).key]
    read_back(place.remote, ONE)
    place.pass_time()
    place.gc(ONE)
    read_back(place.remote, ONE)
    assert place.keys() == {pointer_of(ONE).key, *place.keys(PACKS)}


def test_a_removed_manifest_keeps_its_packs_for_the_grace_period(place: Place) -> None:
    """Also those that were condemned long ago, before a push relied on them."""
    with Pusher(PackedRemote(place.remote), Known()) as pusher:
        pusher.add(pointer_of(ONE), items_of(ONE))
        pusher._seal()
        pusher._wait(0)
        place.pass_time()
        place.gc()
        pusher.finish()
    place.pass_time()
    did = place.gc()
    assert (len(did.removed), len(did.swept)) == (1, 0)
    assert place.gc(ONE).restored
    read_back(place.remote, ONE)


def test_a_damaged_manifest_ends_it_before_anything_is_lost(place: Place) -> None:
    push(place.remote, ONE)
    push(place.remote, TWO)
    place.remote.put(pointer_of(TWO).key, b"damaged" * 100)
    place.pass_time()
    packs = place.keys(PACKS)
    with pytest.raises(FormatError, match="no manifest"):
        place.gc(TWO)
    assert place.keys(PACKS) == packs
    assert not place.keys(CONDEMNED)
    did = place.gc(TWO, skip_broken=True)
    assert len(did.condemned) == 2
    assert did.notes


def test_a_damaged_pack_stays(place: Place) -> None:
    """Its living chunks are not moved; the rest of the collection goes on."""
    push(place.remote, ONE)
    push(place.remote, MIXED, expected=1 << 30)
    (key,) = {p.key for p in PackedRemote(place.remote).manifest(pointer_of(ONE)).root.packs}
    data = bytearray((place.root / key).read_bytes())
    at = data.index(ONE[b"d/00001"])
    data[at] ^= 1
    place.remote.put(key, bytes(data))
    place.pass_time()
    did = place.gc(MIXED)
    assert any("has other bytes" in note for note in did.notes)
    assert did.condemned == []
    place.pass_time()
    place.gc(MIXED)
    assert key in place.keys(PACKS)


# At any moment ------------------------------------------------------------------------------------


class Killed(BaseException):
    """As `kill -9`."""


def killed() -> None:
    raise Killed


def names(packs: Iterable[Listed]) -> set[str]:
    return {entry.pack.key for entry in packs}


class Other:
    """Another pusher; it sends what was not there when it looked."""

    def __init__(self, store: PackedRemote, wanted: list[Files]) -> None:
        self._store = store
        self._wanted = wanted

    def look(self) -> None:
        self._there = self._store.present(map(pointer_of, self._wanted))
        self._known = learn_packs(self._store, (pointer_of(ONE),), expected=1 << 30)

    def send(self) -> None:
        with Pusher(self._store, self._known, pack_bytes=100_000) as pusher:
            for files in self._wanted:
                if pointer_of(files) not in self._there:
                    pusher.add(pointer_of(files), items_of(files))
            pusher.finish()

    def look_and_send(self) -> None:
        self.look()
        self.send()


def fill(place: Place) -> None:
    """Something for each step: a dead version, a mostly dead pack, an orphan, packs that wait, a manifest put aside."""
    push(place.remote, TWO)
    push(place.remote, small(5, 9))
    place.pass_time()
    place.gc()  # both are put aside and condemned
    push(place.remote, ONE)
    push(place.remote, MIXED, bases=(pointer_of(ONE),), expected=1 << 30)
    with Pusher(PackedRemote(place.remote), Known(), pack_bytes=1000) as pusher:
        pusher.add(pointer_of(small(2, 8)), items_of(small(2, 8)))
        pusher._wait(0)
    place.pass_time()


def requests_of(place: Place) -> int:
    """Of a collection that needs `MIXED`."""
    collector = place.collector(MIXED)
    place.clock.left = 0
    collector.run()
    return -place.clock.left


def filled(tmp_path: Path) -> Iterator[Place]:
    """Remotes with the same objects."""
    first = Place(tmp_path / "filled")
    fill(first)
    for number in count():
        made = Place(tmp_path / f"r{number}")
        shutil.copytree(first.root, made.root, dirs_exist_ok=True)
        made.clock.put_at.update(first.clock.put_at)
        made.clock.now = first.clock.now
        yield made
        shutil.rmtree(made.root)


def settle(place: Place, *needed: Files) -> None:
    """Later collections take nothing that is needed, and in the end all that is not."""
    for files in needed:
        read_back(place.remote, files)
    for _ in range(3):
        place.gc(*needed)
        for files in needed:
            read_back(place.remote, files)
        place.pass_time()
    place.gc(*needed)
    for files in needed:
        read_back(place.remote, files)
    store = PackedRemote(place.remote)
    named = {p.key for f in needed for p in store.manifest(pointer_of(f)).root.packs}
    assert place.keys() == {pointer_of(files).key for files in needed} | named


def test_it_is_killed_before_each_request(tmp_path: Path) -> None:
    some = filled(tmp_path)
    requests = requests_of(next(some))
    assert requests > 20
    for number, place in zip(range(1, requests + 1), some, strict=False):
        place.clock.action = killed
        collector = place.collector(MIXED)
        place.clock.left = number
        with pytest.raises(Killed):
            collector.run()
        settle(place, MIXED)


@pytest.mark.parametrize("began", ["before", soak("then")])
def test_a_push_before_each_request_loses_nothing(tmp_path: Path, began: str) -> None:
    """One that looked at the remote before the collection began, or one that begins and ends between two of its requests.

    It pushes what is on its way out (`ONE` is needed by nobody the collection knows, `TWO` is condemned), and what is new.
    """
    some = filled(tmp_path)
    requests = requests_of(next(some))
    new = {**ONE, b"new": b"new"}
    wanted: list[Files] = [ONE, TWO, small(2, 8), new]
    for number, place in zip(range(1, requests + 1), some, strict=False):
        other = Other(PackedRemote(place.remote), wanted)
        if began == "then":
            place.clock.action = other.look_and_send
        else:
            other.look()
            place.clock.action = other.send
        collector = place.collector(MIXED)
        place.clock.left = number
        collector.run()
        # Git brings what was pushed to whoever collects next, before the grace period ends.
        pushed: list[Files] = [MIXED, *wanted]
        place.gc(*pushed)
        settle(place, *pushed)


def test_the_pack_of_an_interrupted_push_is_made_again_while_it_is_condemned(place: Place) -> None:
    """Under another name: the old one is on its way out."""
    with Pusher(PackedRemote(place.remote), Known()) as pusher:
        pusher.add(pointer_of(ONE), items_of(ONE))
        pusher._seal()
        pusher._wait(0)
    (old,) = place.keys(PACKS)
    place.pass_time()
    place.gc()
    push(place.remote, ONE)
    place.pass_time()
    place.collector().sweep()
    assert old not in place.keys(PACKS)
    read_back(place.remote, ONE)
