"""Pins in a real store: what they keep from eviction, and how they are counted."""

from pathlib import Path

from tests.unit.store.support import MIB, SIZE, fetch, fill, key_of, open_store, payload_of, present
from vfs.store import Taken, whole
from vfs.types import SHARED, Algorithm, Blob, Digest


def test_pinned_chunks_stay_until_unpinned(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB) as store:
        store.pin("mine", (key_of(n) for n in (1, 11, 500)))
        store.pin("yours", [key_of(1)])
        fill(store, range(200), SIZE)
        assert present(store, range(180)) >= {1, 11}
        assert store.pins() == {"mine": 3, "yours": 1}
        assert store.unpin("mine")
        fill(store, range(200, 400), SIZE)
        assert 1 in present(store, range(400))
        assert 11 not in present(store, range(400))
        assert store.unpin("yours")
        assert not store.unpin("yours")
        fill(store, range(400, 600), SIZE)
        assert 1 not in present(store, range(600))


def test_an_unproven_block_stays_for_a_pin_of_its_proven_twin(tmp_path: Path) -> None:
    """For as long as that one is not here."""
    blob = Blob(Digest(Algorithm.MD5, bytes(16)), 9 * MIB)
    proven = [blob._replace(scope=SHARED).key + n.to_bytes(4, "big") for n in range(2)]
    own = [blob.edition_key(b"e" * 16) + n.to_bytes(4, "big") for n in range(2)]
    with open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB) as store:
        store.pin("mine", proven)
        assert store.append([(key, b"x" * SIZE) for key in own], unproven=blob.key)
        assert store.append([(proven[1], b"y" * SIZE)])
        fill(store, range(200), SIZE)
        assert store.contains_many([*own, *proven]) == [True, False, False, True]


def test_when_all_is_pinned_caching_pauses_and_resumes(tmp_path: Path) -> None:
    now = [0.0]
    with open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB, clock=lambda: now[0]) as store:
        store.pin("all", [key_of(n) for n in range(100)])
        stored = [store.append([(key_of(n), payload_of(n, SIZE))]) for n in range(60)]
        kept = stored.index(Taken.NO)
        assert not any(stored[kept:])
        assert store.statistics().suspended
        assert present(store, range(60)) == set(range(kept))
        assert all(fetch(store, key_of(n)) == payload_of(n, SIZE) for n in range(kept))
        store.unpin("all")
        assert not store.append([(key_of(100), payload_of(100, SIZE))])
        now[0] += 60
        assert store.append([(key_of(100), payload_of(100, SIZE))])


def test_many_pins_of_one_name(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        store.pin("big", (key_of(n) for n in range(20_000)))
        store.pin("big", (key_of(n) for n in range(20_001)))
        store.pin("small", [key_of(n) for n in range(5)])
        assert store.pins() == {"big": 20_001, "small": 5}
        store.unpin("big")
        assert store.pins() == {"small": 5}


def test_a_whole_content_is_one_key_of_a_pin(tmp_path: Path) -> None:
    """It keeps any of its blocks, and counts as all of them; pins of single blocks beside it as before."""
    digest = Digest(Algorithm.MD5, bytes(16))
    small, large = Blob(digest, 3 * MIB), Blob(digest, 1 << 50, SHARED)
    kept = [small.key + bytes(4), large.key + (77).to_bytes(4, "big")]
    twin = large.edition_key(b"e" * 16) + (5).to_bytes(4, "big")
    with open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB) as store:
        store.pin("all", [whole(small.key), whole(large.proven_key)])
        store.pin("one", [key_of(1)])
        assert store.pins() == {"all": 12 + (1 << 32), "one": 1}
        assert store.pinned([*kept, key_of(1), key_of(2)]) == [True, True, True, False]
        assert store.append([(key, b"x" * SIZE) for key in (*kept, twin)])
        fill(store, range(200), SIZE)
        assert store.contains_many([*kept, twin]) == [True, True, True]
        assert store.unpin("all")
        assert store.pins() == {"one": 1}
        assert store.pinned(kept) == [False, False]
