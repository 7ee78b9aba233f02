"""Files of the cache are damaged, cut or deleted: a miss or a fetch again, never wrong bytes."""

import os
import random
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.unit.store.support import (
    MIB,
    fetch,
    fill,
    key_of,
    open_store,
    payload_of,
    run_python,
    segment_files,
)
from vfs.errors import StoreCorrupt
from vfs.store import ChunkStore, layout


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A closed store with 30 chunks in several segments."""
    with open_store(tmp_path / "c", capacity=MIB) as store:
        fill(store, range(30), 100_000)
        store.set_verdict(b"digest", 1)
        store.pin("mine", [key_of(3)])
    return tmp_path / "c"


def sound(store: ChunkStore) -> int:
    """How many of the 30 chunks are there; what is not must be a miss or StoreCorrupt."""
    count = 0
    for n in range(30):
        try:
            data = fetch(store, key_of(n))
        except StoreCorrupt:
            assert store.locate(key_of(n)) is None
            continue
        if data is not None:
            assert data == payload_of(n, 100_000)
            count += 1
    return count


def put_raw(store: ChunkStore, key: bytes, value: bytes) -> None:
    """Write any value into the index."""
    engine: Any = store._engine
    engine.index.write(lambda t: t.put(key, value, db=engine.index.chunks))


def test_one_wrong_bit_is_found_before_a_byte_is_served(directory: Path) -> None:
    with open_store(directory, capacity=MIB) as store:
        extent = store.locate(key_of(4))
        assert extent is not None
        with segment_files(directory)[0].open("r+b") as file:
            file.seek(extent.offset + 99_999)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes((byte ^ 1,)))
        assert store.read_nowait(extent, 0, 10) is None
        with pytest.raises(StoreCorrupt, match="damaged"):
            store.read(extent, 0, 10)
        assert store.locate(key_of(4)) is None
        assert store.statistics().corrupt == 1
        assert store.append([(key_of(4), payload_of(4, 100_000))])
        assert sound(store) == 30


@pytest.mark.parametrize("size", [0, 10, 64, 5000, layout.DATA_START, 150_000, 900_000])
def test_truncated_segments(directory: Path, size: int) -> None:
    with open_store(directory, capacity=MIB) as store:
        held = [store.locate(key_of(n)) for n in range(30)]
        for path in segment_files(directory):
            os.truncate(path, min(size, path.stat().st_size))
        for n, extent in enumerate(held):
            assert extent is not None
            try:
                assert store.read(extent, 0, 100_000) == payload_of(n, 100_000)
            except StoreCorrupt:
                assert store.locate(key_of(n)) is None
        store.maintain()
        fill(store, range(30), 100_000)
        assert sound(store) == 30
    with open_store(directory, capacity=MIB) as store:
        assert sound(store) == 30


def test_a_chunk_already_verified_is_missed_when_its_segment_is_cut(directory: Path) -> None:
    with open_store(directory, capacity=MIB) as store:
        extent = store.locate(key_of(8))
        assert extent is not None
        store.read(extent, 0, 1)
        os.truncate(segment_files(directory)[0], extent.offset + 10)
        assert store.read_nowait(extent, 0, 100) is None
        with pytest.raises(StoreCorrupt):
            store.read(extent, 0, 100)


def test_a_segment_cut_while_written_to_is_left(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, range(10), 100_000)
        os.truncate(segment_files(tmp_path / "c")[0], 150_000)
        fill(store, range(10, 20), 100_000)
        assert len(segment_files(tmp_path / "c")) == 2
        for n in range(10):
            with suppress(StoreCorrupt):
                assert fetch(store, key_of(n)) in (None, payload_of(n, 100_000))
        for n in range(10, 20):
            assert fetch(store, key_of(n)) == payload_of(n, 100_000)
        store.maintain()
        seen = store.statistics()
        assert seen.chunks == 10
        assert seen.bytes == sum(p.stat().st_size for p in segment_files(tmp_path / "c"))


def test_a_cut_segment_nobody_reads_leaves_the_index(directory: Path) -> None:
    with open_store(directory, capacity=MIB) as store:
        extent = store.locate(key_of(0))
        assert extent is not None
        os.truncate(segment_files(directory)[0], 200_000)
        store.maintain()
        assert store.statistics().chunks == 20
        assert len(segment_files(directory)) == 2


@pytest.mark.parametrize("into", [False, True])
def test_foreign_writes_are_noticed_own_ones_are_not_suspected(tmp_path: Path, into: bool) -> None:
    """By the segment's ctime, each time bytes are taken from the page cache, whichever way."""
    with open_store(tmp_path / "c") as store:
        fill(store, range(10), 100_000)
        extent = store.locate(key_of(4))
        assert extent is not None
        assert store.read_nowait(extent, 0, 100) == payload_of(4, 100_000)[:100]
        fill(store, range(10, 20), 100_000)
        store.maintain()  # writes what was used into the segment
        assert extent.segment.is_verified(extent.offset)
        assert extent.segment.stamp == segment_files(tmp_path / "c")[0].stat().st_ctime_ns
        with segment_files(tmp_path / "c")[0].open("r+b") as file:
            file.seek(extent.offset + 50_000)
            file.write(b"foreign")
        if into:
            assert not store.read_into_nowait(extent, 0, memoryview(bytearray(100)))
        else:
            assert store.read_nowait(extent, 0, 100) is None
        assert not extent.segment.is_verified(extent.offset)
        with pytest.raises(StoreCorrupt):
            store.read(extent, 0, 100)


def test_deleted_segments(directory: Path) -> None:
    first, *_ = segment_files(directory)
    first.unlink()
    with open_store(directory, capacity=MIB) as store:
        lost = 30 - sound(store)
        assert lost == 10
        store.maintain()
        seen = store.statistics()
        assert seen.chunks == 20
        assert seen.bytes == sum(path.stat().st_size for path in segment_files(directory))


def test_segments_swapped_for_others_are_not_read(directory: Path) -> None:
    one, two, *_ = segment_files(directory)
    content = two.read_bytes()
    two.write_bytes(one.read_bytes())
    one.write_bytes(content)
    with open_store(directory, capacity=MIB) as store:
        assert sound(store) == 10


def test_foreign_values_in_the_index(directory: Path) -> None:
    values = [
        b"",
        b"x",
        os.urandom(24),
        os.urandom(23),
        layout.Entry(1, 0, 100, 0, 5).pack(),
        layout.Entry(1, 2**32 - 1, 2**32 - 1, 0, 5).pack(),
        layout.Entry(2**32 - 1, 512, 100, 0, 5).pack(),
        layout.Entry(1, layout.DATA_START, 0, 0, 5).pack(),
    ]
    with open_store(directory, capacity=MIB) as store:
        for n, value in enumerate(values):
            put_raw(store, key_of(n), value)
        assert sound(store) == 30 - len(values)
        for n, value in enumerate(values):
            put_raw(store, key_of(n), value)
        store.maintain()
        report = store.verify()
        assert report.chunks == 30 - len(values)
        assert sound(store) == 30 - len(values)
        assert store.verify().strays == 0


@pytest.mark.parametrize("table", ["segments", "members", "meta"])
def test_foreign_values_in_other_tables(directory: Path, table: str) -> None:
    with open_store(directory, capacity=MIB) as store:
        engine: Any = store._engine

        def spoil(transaction: Any) -> None:
            chosen = getattr(engine.index, table)
            for key in [bytes(key) for key, _ in transaction.cursor(chosen)]:
                transaction.put(key, b"nonsense", db=chosen)

        engine.index.write(spoil)
        sound(store)
        store.maintain()
        store.verify()
        store.append([(key_of(100), b"data")])
    with open_store(directory, capacity=MIB) as store:
        sound(store)
        fill(store, range(30), 100_000)
        assert sound(store) == 30


def test_a_scrub_finds_and_drops_all_damage(directory: Path) -> None:
    with open_store(directory, capacity=MIB) as store:
        extents = [store.locate(key_of(n)) for n in (2, 13)]
        for extent in extents:
            assert extent is not None
            path = (
                directory
                / "segments"
                / layout.segment_name(extent.segment.number, extent.segment.nonce)
            )
            with path.open("r+b") as file:
                file.seek(extent.offset)
                file.write(b"\0" * 100)
        seen: list[tuple[int, int]] = []
        report = store.verify(lambda done, whole: seen.append((done, whole)))
        assert (report.chunks, report.bytes, report.bad) == (30, 3_000_000, 2)
        assert seen[-1][0] == seen[-1][1] == store.statistics().bytes
        assert len(seen) == store.statistics().segments
        assert sound(store) == 28


# -- the index itself ----------------------------------------------------------------------------------


def dirty(directory: Path) -> None:
    """Make it look as if the last user had died."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (directory / "boot").write_text(boot)


@pytest.mark.parametrize("content", [b"x", b"garbage" * 5000, bytes(40_960)])
def test_a_foreign_index_is_made_anew_from_the_segments(directory: Path, content: bytes) -> None:
    (directory / "index" / "data.mdb").write_bytes(content)
    with open_store(directory, capacity=MIB) as store:
        assert sound(store) == 30
        assert store.statistics().bytes == sum(p.stat().st_size for p in segment_files(directory))
        fill(store, range(30, 40), 100_000)
    assert (directory / "index.damaged" / "data.mdb").read_bytes() == content
    with open_store(directory, capacity=MIB) as store:
        assert sound(store) == 30
        assert fetch(store, key_of(35)) == payload_of(35, 100_000)


def test_a_missing_index_is_made_anew(directory: Path) -> None:
    shutil.rmtree(directory / "index")
    with open_store(directory, capacity=MIB) as store:
        assert sound(store) == 30


def test_an_index_cut_short_is_made_anew(directory: Path) -> None:
    with open_store(directory, capacity=MIB) as store:
        for first in range(0, 100_000, 5000):
            store.pin("big", (key_of(n) for n in range(first, first + 5000)))
    path = directory / "index" / "data.mdb"
    os.truncate(path, path.stat().st_size // 3)
    with open_store(directory, capacity=MIB) as store:
        assert sound(store) == 30


def test_after_the_machine_stopped_the_index_is_not_believed(directory: Path) -> None:
    (directory / "boot").write_text("another boot")
    with open_store(directory, capacity=MIB) as store:
        assert sound(store) == 30
    assert (directory / "index.damaged").is_dir()


def test_a_rebuilt_index_has_the_latest_of_a_chunk(directory: Path) -> None:
    with open_store(directory, capacity=MIB) as store:
        assert store.append([(key_of(0), b"newer")])
    (directory / "boot").write_text("another boot")
    with open_store(directory, capacity=MIB) as store:
        assert fetch(store, key_of(0)) == b"newer"


def test_a_rebuild_passes_over_holes_and_forged_records(tmp_path: Path) -> None:
    forged = bytearray(4096)
    record = layout.record_header(key_of(1), 4, layout.checksum(b"evil"), 0) + b"evil"
    forged[: len(record)] = record
    with open_store(tmp_path / "c") as store:
        fill(store, [1])
        for shift in range(0, 512, 8):  # wherever the payload starts, one copy is aligned
            assert store.append([(b"bait%d" % shift, bytes(shift) + bytes(forged))])
        fill(store, [2])
        first, last = store.locate(b"bait0"), store.locate(key_of(2))
        assert first is not None
        assert last is not None
    with segment_files(tmp_path / "c")[0].open("r+b") as file:
        for start in range(first.offset // 512 * 512, last.offset // 512 * 512, 512):
            file.seek(start)
            if file.read(4) == b"chnk":
                file.seek(start + 8)
                file.write(b"\xff\xff")  # spoil the length of every record in between
    (tmp_path / "c" / "boot").write_text("another boot")
    with open_store(tmp_path / "c") as store:
        assert fetch(store, key_of(1)) == payload_of(1)
        assert fetch(store, key_of(2)) == payload_of(2)
        assert store.statistics().chunks == 2


def test_random_damage_to_the_index_never_kills_or_lies(directory: Path, tmp_path: Path) -> None:
    chance = random.Random(3)
    for round_ in range(10):
        copy = tmp_path / f"copy{round_}"
        shutil.copytree(directory, copy)
        path = copy / "index" / "data.mdb"
        with path.open("r+b") as file:
            for _ in range(4):
                file.seek(chance.randrange(path.stat().st_size // 4096) * 4096)
                file.write(chance.choice([bytes(4096), chance.randbytes(4096)]))
        dirty(copy)
        run_python(
            """
import sys
from pathlib import Path
from tests.faults.test_store_damage import sound
from tests.unit.store.support import *
with open_store(Path(sys.argv[1]), capacity=MIB) as store:
    sound(store)
    store.append([(key_of(n), payload_of(n, 100_000)) for n in range(30)])
    sound(store)
    store.maintain()
""",
            copy,
        )
        shutil.rmtree(copy)


# -- the cache is deleted while in use ---------------------------------------------------------------------


def test_a_cache_deleted_while_in_use_is_made_anew(directory: Path) -> None:
    with open_store(directory, capacity=MIB) as store:
        held = store.locate(key_of(1))
        assert held is not None
        shutil.rmtree(directory)
        assert store.read(held, 0, 100_000) == payload_of(1, 100_000)
        store.append([(key_of(50), b"lost or not")])
        store.maintain()
        assert store.locate(key_of(1)) is None
        fill(store, range(30), 100_000)
        assert sound(store) == 30
        assert store.read(held, 0, 10) == payload_of(1, 100_000)[:10]
        with pytest.raises(StoreCorrupt):
            store.read(held._replace(key=key_of(1000)), 0, 10)
    with open_store(directory, capacity=MIB) as store:
        assert sound(store) == 30


def test_another_process_starts_anew_first(directory: Path) -> None:
    with open_store(directory, capacity=MIB) as store:
        shutil.rmtree(directory)
        run_python(
            """
import sys
from pathlib import Path
from tests.unit.store.support import *
with open_store(Path(sys.argv[1]), capacity=MIB) as store:
    fill(store, range(15), 100_000)
""",
            directory,
        )
        sound(store)
        store.maintain()
        assert sound(store) == 15
