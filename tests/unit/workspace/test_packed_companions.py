"""Small files that came with another: each is given to one caller, as long as what it lies in is kept."""

import hashlib
import random
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.unit.workspace.conftest import Open
from vfs.core.windows import WINDOW
from vfs.errors import ObjectMissing
from vfs.remotes import RemoteSpec, open_remote
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.packed import push
from vfs.testing.sandbox import Sandbox
from vfs.transfer.place import Companion
from vfs.types import Entry
from vfs.workspace.places import PackedRemotePlace

SIZE = 20_000
MOST = 1 << 30
FILES = {f"f{n:04}": random.Random(n).randbytes(SIZE) for n in range(200)}


class Packed:
    """Files of a snapshot, all of them on a packed remote."""

    def __init__(self, sandbox: Sandbox, opened: Open) -> None:
        repository = HandmadeRepository(sandbox, sandbox.root / "repository")
        remote: Path = sandbox.root / "packed"
        remote.mkdir()
        config = f"remotes:\n  shared:\n    url: {remote}\n    layout: packed\n"
        repository.commit(plain={".vfs/config.yaml": config.encode()}, directories={"data": FILES})
        spec = RemoteSpec("packed", str(remote))
        files = {path.encode(): data for path, data in FILES.items()}
        push(open_remote(spec), files, pack_bytes=16 << 20)
        repository.lose_remote()
        self.workspace = opened(repository.root)
        self.snapshot = self.workspace.snapshot("HEAD")
        self.names = [b"data/" + name.encode() for name in sorted(FILES)]

    def place(self, name: bytes) -> PackedRemotePlace:
        entry = self.snapshot.resolve(name)
        assert isinstance(entry, Entry)
        found = self.workspace.places(self.snapshot, entry, name)
        return next(place for place in found if isinstance(place, PackedRemotePlace))

    def read(self, name: bytes, most: int = MOST) -> Sequence[Companion]:
        """Bring a file; what comes along."""
        place = self.place(name)
        with place.get(0, SIZE) as body:
            body.readinto(memoryview(bytearray(SIZE)))
        return place.companions(most)

    def drop_windows(self) -> None:
        """As if others had pushed them all out."""
        windows = self.workspace.session.packed(self.place(self.names[0]).ref).reader.windows
        for key in list(windows._held):
            windows._free.append(windows._let_go(key))


@pytest.fixture
def packed(sandbox: Sandbox, opened: Open) -> Packed:
    return Packed(sandbox, opened)


def digests(companions: Iterable[Companion]) -> list[bytes]:
    return [one.blob.digest.value for one in companions]


def test_a_file_is_given_to_one_of_many_who_ask_at_once(packed: Packed) -> None:
    given: list[bytes] = []
    together = threading.Barrier(8)

    def ask(number: int) -> None:
        place = packed.place(packed.names[number])
        with place.get(0, SIZE) as body:
            body.readinto(memoryview(bytearray(SIZE)))
        together.wait(60)
        given.extend(digests(place.companions(MOST)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == len(set(given))
    assert len(given) >= WINDOW // SIZE - 2


def test_in_order_all_but_the_first_of_each_answer_come_along(packed: Packed) -> None:
    """Also those that begin in the last window of one answer and end in the first of the next."""
    here: set[bytes] = set()
    asked = 0
    for name in packed.names:
        entry = packed.snapshot.resolve(name)
        assert isinstance(entry, Entry)
        assert entry.digest is not None
        if entry.digest.value not in here:
            asked += 1
            for blob, read in packed.read(name):
                assert hashlib.md5(read(), usedforsecurity=False).digest() == blob.digest.value
                here.add(blob.digest.value)
    windows = -(-len(FILES) * SIZE // WINDOW)
    assert asked <= windows // 2


def test_what_was_dropped_and_fetched_again_is_given_again(packed: Packed) -> None:
    first = digests(packed.read(packed.names[0]))
    assert not packed.read(packed.names[1])
    packed.drop_windows()
    again = packed.read(packed.names[0])
    assert set(digests(again)) == set(first)
    packed.drop_windows()
    with pytest.raises(ObjectMissing):
        again[0].read()


def test_no_more_than_was_asked_for_comes_along_and_the_rest_with_the_next(packed: Packed) -> None:
    """Small files may be large once they are unpacked."""
    most = 5 * SIZE
    given: list[bytes] = []
    asked = 0
    for name in packed.names[:40]:
        entry = packed.snapshot.resolve(name)
        assert isinstance(entry, Entry)
        assert entry.digest is not None
        if entry.digest.value not in given:
            asked += 1
            came = packed.read(name, most)
            assert sum(one.blob.size for one in came) <= most
            given += [entry.digest.value, *digests(came)]
    assert len(given) == len(set(given))
    assert asked <= len(given) // 4, "most of six at a time"


def test_what_is_left_to_others_is_still_given(packed: Packed) -> None:
    """Who walks past what others deal with takes nothing that lies behind it without having it."""
    first = digests(packed.read(packed.names[0], 16 * SIZE))
    assert len(first) == 16
    assert not packed.read(packed.names[0])
    after = packed.snapshot.resolve(packed.names[17])
    assert isinstance(after, Entry)
    assert after.digest is not None
    assert digests(packed.read(packed.names[16], SIZE)) == [after.digest.value]
