"""The disk of the cache is full or read-only."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.unit.store.support import MIB, fetch, fill, key_of, open_store, payload_of
from vfs.errors import StoreError
from vfs.store import ChunkStore


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def remount_read_only(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)


def fill_up(place: Path) -> Path:
    """Take all the room of a file system; returns the file that has it."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return ballast


def test_a_full_disk_makes_the_store_give_up_old_chunks(small_disk: Path) -> None:
    with open_store(small_disk / "c", limit=1 << 40, capacity=MIB) as store:
        fill(store, range(200), 100_000)
        assert store.statistics().evicted > 0
        assert fetch(store, key_of(199)) == payload_of(199, 100_000)
        assert store.verify().bad == 0


def test_a_disk_filled_by_others_turns_caching_off_and_reading_goes_on(small_disk: Path) -> None:
    now = [0.0]
    with open_store(small_disk / "c", limit=1 << 40, capacity=MIB, clock=lambda: now[0]) as store:
        fill(store, range(5), 100_000)
        store.pin("keep", [key_of(n) for n in range(5)])
        ballast = fill_up(small_disk)
        assert not store.append([(key_of(9), payload_of(9, 100_000))])
        assert store.statistics().suspended
        assert all(fetch(store, key_of(n)) == payload_of(n, 100_000) for n in range(5))
        assert fetch(store, key_of(9)) is None
        ballast.unlink()
        assert not store.append([(key_of(9), payload_of(9, 100_000))])
        now[0] += 60
        fill(store, [9], 100_000)
        assert not store.statistics().suspended
        assert fetch(store, key_of(9)) == payload_of(9, 100_000)


def test_a_full_map_that_cannot_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LMDB itself says so: the index has no page left, and what is cached is served on."""
    monkeypatch.setattr("vfs.lmdb.environment.MAX_MAP", 512 * 1024)
    now = [0.0]
    with open_store(
        tmp_path / "c", capacity=MIB, map_size=512 * 1024, clock=lambda: now[0]
    ) as store:
        stored = 0
        while store.append([(key_of(n), b"%d" % n) for n in range(stored, stored + 50)]):
            stored += 50
            if store.statistics().evicted:  # room was made by giving old chunks up
                break
        assert stored > 500
        for n in range(stored):
            assert fetch(store, key_of(n)) in (None, b"%d" % n)
        now[0] += 60
        store.maintain()
        store.clear()
        assert store.append([(key_of(1), b"again")])
        assert fetch(store, key_of(1)) == b"again"


def test_a_disk_full_from_the_start(small_disk: Path) -> None:
    fill_up(small_disk)
    with open_store(small_disk / "c") as store:
        assert store.locate(key_of(1)) is None
        assert not store.append([(key_of(1), bytes(10_000))])
        assert store.verdict(b"d") is None
        store.set_verdict(b"d", 1)
        assert store.verdict(b"d") == 1, "this process knows"
        store.maintain()


def test_min_free_is_kept(small_disk: Path) -> None:
    store = ChunkStore.open(small_disk / "c", limit=1 << 40, min_free=3 * MIB, capacity=MIB)
    fill(store, range(150), 100_000)
    free = subprocess.run(
        ["df", "--output=avail", "-B1", small_disk], capture_output=True, text=True, check=True
    )
    assert int(free.stdout.split()[-1]) >= 3 * MIB - 200_000
    store.close()


def test_a_read_only_cache_is_read(small_disk: Path) -> None:
    with open_store(small_disk / "c", capacity=MIB) as store:
        fill(store, range(10), 100_000)
        store.set_verdict(b"digest", 2)
        store.pin("mine", [key_of(1)])
    remount_read_only(small_disk)
    with open_store(small_disk / "c", capacity=MIB) as store:
        assert not store.writable
        assert all(fetch(store, key_of(n)) == payload_of(n, 100_000) for n in range(10))
        assert not store.append([(key_of(20), b"data")])
        assert store.verdict(b"digest") == 2
        store.set_verdict(b"digest", 1)
        assert store.verdict(b"digest") == 1, "this process knows"
        assert store.pins() == {"mine": 1}
        store.drop([key_of(3)])
        assert store.locate(key_of(3)) is None
        assert store.verify().chunks == 10
        store.maintain()
        seen = store.statistics()
        assert (seen.writable, seen.chunks) == (False, 10)
        for forbidden in (store.clear, store.evict, lambda: store.pin("x", [])):
            with pytest.raises(StoreError, match="cannot be written"):
                forbidden()


def test_damage_in_a_read_only_cache_is_met_once(small_disk: Path) -> None:
    with open_store(small_disk / "c") as store:
        fill(store, [1, 2])
        extent = store.locate(key_of(1))
        assert extent is not None
    (segment,) = (small_disk / "c" / "segments").iterdir()
    with segment.open("r+b") as file:
        file.seek(extent.offset)
        file.write(b"damage")
    remount_read_only(small_disk)
    with open_store(small_disk / "c") as store:
        extent = store.locate(key_of(1))
        assert extent is not None
        with pytest.raises(StoreError):
            store.read(extent, 0, 1)
        assert store.locate(key_of(1)) is None
        assert fetch(store, key_of(2)) == payload_of(2)


def test_a_read_only_place_without_a_cache(small_disk: Path) -> None:
    remount_read_only(small_disk)
    with open_store(small_disk / "c") as store:
        assert store.locate(key_of(1)) is None
        assert not store.append([(key_of(1), b"data")])
        assert store.statistics().chunks == 0
        assert store.verify().chunks == 0
