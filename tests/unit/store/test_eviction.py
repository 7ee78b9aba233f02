"""Eviction in a real store: order, second chances, other processes."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.store.support import (
    MIB,
    SIZE,
    fetch,
    fill,
    key_of,
    open_store,
    payload_of,
    present,
    run_python,
    segment_files,
    start_python,
)
from vfs.store import VERIFIED, ChunkStore, Taken
from vfs.store.evict import Evictor, Member
from vfs.store.items import Item

PER_SEGMENT = 10  # chunks of SIZE in a segment of 1 MiB


def test_the_oldest_go_first_and_the_limit_holds(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB) as store:
        fill(store, range(100), SIZE)
        here = present(store, range(100))
        assert here == set(range(min(here), 100))
        assert len(here) >= 2 * PER_SEGMENT
        seen = store.statistics()
        assert seen.bytes <= 4 * MIB
        assert seen.evicted == 100 - len(here)
        assert sum(path.stat().st_size for path in segment_files(tmp_path / "c")) == seen.bytes


def test_what_was_used_gets_a_second_chance(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB) as store:
        fill(store, range(20), SIZE)
        for n in (3, 7):
            assert fetch(store, key_of(n)) == payload_of(n, SIZE)
        fill(store, range(20, 42), SIZE)
        here = present(store, range(42))
        assert {3, 7} <= here
        assert not {0, 9} & here
        assert fetch(store, key_of(3)) == payload_of(3, SIZE)


@pytest.mark.parametrize("what", ["dropped", "replaced"])
def test_what_went_while_it_was_written_again_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Another process drops the chunks of a segment, or fetches other bytes for them, between the two transactions of its eviction."""
    with (
        open_store(tmp_path / "c", capacity=MIB) as store,
        open_store(tmp_path / "c", capacity=MIB) as other,
    ):
        fill(store, range(25), SIZE)
        keys = [key_of(n) for n in range(4)]
        store.pin("all", keys)
        read = Evictor._read

        def meanwhile(self: Evictor, descriptor: int, member: Member) -> Item | None:
            if what == "dropped":
                other.drop(keys)
            elif other.locate(keys[0]) is None or fetch(other, keys[0]) != b"new":
                assert other.append([(key, b"new") for key in keys])
            return read(self, descriptor, member)

        monkeypatch.setattr(Evictor, "_read", meanwhile)
        store.set_limit(2 * MIB)
        assert {fetch(store, key) for key in keys} == {None if what == "dropped" else b"new"}


def test_a_second_chance_is_not_a_third(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB) as store:
        fill(store, range(20), SIZE)
        fetch(store, key_of(3))
        fill(store, range(20, 150), SIZE)
        assert 3 not in present(store, range(20))


def test_what_eviction_carries_on_stays_verified(tmp_path: Path) -> None:
    digest = b"\x03" + bytes(16)
    block = digest + bytes(4)
    with open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB) as store:
        store.append([(block, payload_of(1, SIZE))])
        store.set_verdict(digest, VERIFIED)
        before = store.locate(block)
        assert fetch(store, block) == payload_of(1, SIZE)
        fill(store, range(40), SIZE)
        after = store.locate(block)
        assert before is not None
        assert after is not None
        assert after.segment is not before.segment
        assert store.verdict(digest) == VERIFIED


def test_everything_in_use_does_not_stop_eviction(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB) as store:
        for n in range(100):
            fill(store, [n], SIZE)
            assert fetch(store, key_of(n)) == payload_of(n, SIZE)
        assert store.statistics().bytes <= 4 * MIB


def test_use_by_another_process_counts(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB) as store:
        fill(store, range(20), SIZE)
        run_python(
            """
import sys
from pathlib import Path
from tests.unit.store.support import *
with open_store(Path(sys.argv[1])) as store:
    assert fetch(store, key_of(5)) == payload_of(5, 100_000)
""",
            tmp_path / "c",
        )
        fill(store, range(20, 42), SIZE)
        here = present(store, range(42))
        assert 5 in here
        assert 4 not in here


def test_lowering_the_limit_shrinks_the_store(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", limit=8 * MIB, capacity=MIB) as store:
        fill(store, range(70), SIZE)
        store.set_limit(3 * MIB)
        assert store.statistics().bytes <= 3 * MIB
        assert store.evict() == 0
        assert 69 in present(store, range(70))


def test_space_on_the_disk_is_left_free(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    free = found.f_bavail * found.f_frsize
    store = ChunkStore.open(tmp_path / "c", limit=1 << 40, min_free=2 * free)
    assert not store.append([(key_of(1), payload_of(1))])
    assert store.statistics().suspended
    store.close()


def test_damaged_chunks_are_not_carried_on(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB) as store:
        fill(store, range(20), SIZE)
        extent = store.locate(key_of(2))
        assert extent is not None
        store.read(extent, 0, 1)
        with segment_files(tmp_path / "c")[0].open("r+b") as file:
            file.seek(extent.offset + 100)
            file.write(b"damage")
        fill(store, range(20, 42), SIZE)
        assert 2 not in present(store, range(42))


def test_a_segment_another_process_writes_to_is_left_alone(tmp_path: Path) -> None:
    writer = start_python(
        """
import sys
from pathlib import Path
from tests.unit.store.support import *
store = open_store(Path(sys.argv[1]), capacity=MIB)
fill(store, [1000], 100_000)
print("ready", flush=True)
sys.stdin.readline()
fill(store, [1001], 100_000)
print(fetch(store, key_of(1000)) == payload_of(1000, 100_000), flush=True)
store.close()
""",
        tmp_path / "c",
    )
    with writer, open_store(tmp_path / "c", limit=4 * MIB, capacity=MIB) as store:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        fill(store, range(100), SIZE)
        assert store.contains_many([key_of(1000)]) == [True]
        output, errors = writer.communicate("go\n", timeout=60)
        assert output == "True\n", errors
        assert fetch(store, key_of(1001)) == payload_of(1001, SIZE)
        fill(store, range(100, 200), SIZE)
        assert store.contains_many([key_of(1000), key_of(1001)]) == [False, False]


def test_a_reader_keeps_reading_what_another_process_evicted_and_then_lets_go(
    tmp_path: Path,
) -> None:
    with open_store(tmp_path / "c", capacity=MIB) as store:
        fill(store, range(10), SIZE)
    with open_store(tmp_path / "c", capacity=MIB) as store:
        extent = store.locate(key_of(3))
        assert extent is not None
        run_python(
            """
import sys
from pathlib import Path
from tests.unit.store.support import *
with open_store(Path(sys.argv[1]), limit=4 * MIB, capacity=MIB) as store:
    fill(store, range(100, 160), 100_000)
""",
            tmp_path / "c",
        )
        held = "/proc/self/fd"
        assert store.contains_many([key_of(3)]) == [False]
        assert store.read(extent, 0, SIZE) == payload_of(3, SIZE)
        store.maintain()
        names = [
            os.readlink(f"{held}/{n}") for n in os.listdir(held) if os.path.exists(f"{held}/{n}")
        ]
        assert not [name for name in names if str(tmp_path) in name and ".seg" in name]


@pytest.mark.parametrize("looks", ["maintain", "lookups", "append"])
def test_descriptors_of_dropped_segments_are_closed(tmp_path: Path, looks: str) -> None:
    with open_store(tmp_path / "c") as writer:
        fill(writer, [1])
    with open_store(tmp_path / "c") as reader:
        extent = reader.locate(key_of(1))
        assert extent is not None
        run_python(
            """
import sys
from pathlib import Path
from tests.unit.store.support import *
with open_store(Path(sys.argv[1])) as store:
    store.clear()
    fill(store, [2])
""",
            tmp_path / "c",
        )
        assert extent.segment.file is not None
        if looks == "maintain":
            reader.maintain()
        elif looks == "append":
            reader.append([(key_of(3), b"data")])
        else:
            for _ in range(1100):
                reader.locate(key_of(2))
        assert extent.segment.file is None
        assert extent.segment.dropped


def test_an_idle_writer_does_not_hold_room_for_ever(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", capacity=MIB) as idle:
        fill(idle, range(8), SIZE)
        idle.maintain()
        with open_store(tmp_path / "c", limit=2 * MIB, capacity=MIB) as busy:
            assert not busy.append([(key_of(100), bytes(900_000)), (key_of(101), bytes(900_000))])
        idle.maintain()
        with open_store(tmp_path / "c", limit=2 * MIB, capacity=MIB) as busy:
            assert busy.append([(key_of(100), bytes(900_000)), (key_of(101), bytes(900_000))])
            assert busy.statistics().bytes <= 2 * MIB
        fill(idle, [8], SIZE)
        assert fetch(idle, key_of(8)) == payload_of(8, SIZE)


def test_a_store_of_one_segment_makes_room_in_its_own(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", limit=MIB, capacity=MIB) as store:
        fill(store, range(50), SIZE)
        assert store.statistics().bytes <= MIB
        assert fetch(store, key_of(49)) == payload_of(49, SIZE)


def test_few_descriptors_serve_many_segments(tmp_path: Path) -> None:
    output = run_python(
        """
import os, resource, sys
from pathlib import Path
from tests.unit.store.support import *
resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))
with open_store(Path(sys.argv[1]), limit=1 << 30, capacity=MIB) as store:
    fill(store, range(60), 900_000)
    extents = [store.locate(key_of(n)) for n in range(60)]
    opened = sum(".seg" in os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                 if os.path.islink(f"/proc/self/fd/{n}"))
    for n, extent in enumerate(extents):
        assert store.read(extent, 0, 900_000) == payload_of(n, 900_000)
    assert all(fetch(store, key_of(n)) == payload_of(n, 900_000) for n in range(60))
    print(opened)
""",
        tmp_path / "c",
    )
    assert int(output) <= 26


def test_threads_that_fill_a_full_store_do_not_turn_caching_off(tmp_path: Path) -> None:
    """What one makes room for, another may take first; as long as there is something to evict, all go on."""
    with open_store(tmp_path / "c", limit=8 * MIB, capacity=MIB) as store:

        def work(thread: int) -> list[Taken]:
            numbers = range(thread * 100, thread * 100 + 30)
            return [
                store.append([(key_of(n * 10 + i), payload_of(n, SIZE)) for i in range(8)])
                for n in numbers
            ]

        with ThreadPoolExecutor(6) as pool:
            stored = [answer for answers in pool.map(work, range(6)) for answer in answers]
        assert all(stored)


@pytest.mark.parametrize("pinned", [False, True])
def test_threads_together_keep_the_limit(
    tmp_path: Path, pinned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Room that one was promised is not promised to another; the end of caching is said once."""
    limit = 16 * MIB
    with open_store(tmp_path / "c", limit=limit, capacity=MIB) as store:
        if pinned:
            store.pin("all", (key_of(n) for n in range(512)))

        def work(thread: int) -> int:
            store.append([(key_of(thread * 8 + i), bytes(256 << 10)) for i in range(8)])
            return store.statistics().bytes

        with ThreadPoolExecutor(8) as pool:
            assert max(pool.map(work, range(64))) <= limit + MIB // 2, "a segment written again"
        assert store.statistics().bytes <= limit
        assert sum(path.stat().st_size for path in segment_files(tmp_path / "c")) <= limit
        assert caplog.text.count("caching is off") == pinned
