"""One process, one store: what is appended is found, read and kept."""

import os
import stat
import threading
from pathlib import Path

import pytest

from tests.unit.store.support import MIB, fetch, fill, key_of, open_store, payload_of, segment_files
from vfs.errors import StoreCorrupt, StoreError
from vfs.store import BAD, UNPROVEN, VERIFIED, ChunkStore, Taken


def test_a_chunk_comes_back_whole_and_in_parts(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        payload = payload_of(1)
        assert store.append([(key_of(1), payload)])
        extent = store.locate(key_of(1))
        assert extent is not None
        assert extent.length == len(payload)
        assert store.read(extent, 0, len(payload)) == payload
        assert store.read(extent, 1000, 10) == payload[1000:1010]
        assert store.read(extent, len(payload) - 5, 100) == payload[-5:]
        assert store.read(extent, len(payload) + 5, 100) == b""


def test_what_this_process_appended_is_read_without_waiting(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, [1])
        extent = store.locate(key_of(1))
        assert extent is not None
        assert store.read_nowait(extent, 10, 4096) == payload_of(1)[10:4106]
        assert store.read_nowait(extent, 65_000, 4096) == payload_of(1)[65_000:]
        assert store.read_nowait(extent, 65_536, 10) == b""


def test_a_chunk_too_large_to_check_in_passing_waits_for_a_thread(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, [1], size=300_000)
    with open_store(tmp_path / "c") as store:
        extent = store.locate(key_of(1))
        assert extent is not None
        assert store.read_nowait(extent, 0, 10) is None
        assert store.read(extent, 299_990, 100) == payload_of(1, 300_000)[-10:]
        assert store.read_nowait(extent, 0, 10) == payload_of(1, 300_000)[:10]


def test_reading_much_for_the_first_time_hands_the_marks_to_a_thread(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", capacity=64 * MIB) as store:
        fill(store, range(300), size=40_000)
    with open_store(tmp_path / "c", capacity=64 * MIB) as store:
        extents = [store.locate(key_of(n)) for n in range(300)]
        waited = 0
        for n, extent in enumerate(extents):
            assert extent is not None
            data = store.read_nowait(extent, 0, 40_000)
            if data is None:
                waited += 1
                data = store.read(extent, 0, 40_000)
            assert data == payload_of(n, 40_000)
            assert len(extent.segment.pending) <= 257
        assert waited >= 1


def test_a_read_larger_than_the_shared_buffer_does_not_wait_either(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, [1], size=700_000)
        extent = store.locate(key_of(1))
        assert extent is not None
        assert store.read_nowait(extent, 0, 700_000) == payload_of(1, 700_000)


def test_what_another_run_appended_is_verified_before_it_is_read_without_waiting(
    tmp_path: Path,
) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, [1])
    with open_store(tmp_path / "c") as store:
        extent = store.locate(key_of(1))
        assert extent is not None
        assert store.read_nowait(extent, 0, 10) in (None, payload_of(1)[:10])
        assert extent.segment.is_verified(extent.offset) is (
            store.read_nowait(extent, 0, 10) is not None
        )
        assert store.read(extent, 0, 10) == payload_of(1)[:10]
        assert extent.segment.is_verified(extent.offset)
        assert store.read_nowait(extent, 0, 10) == payload_of(1)[:10]


def test_an_unknown_or_impossible_key_is_a_miss(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        for key in (b"", b"x", b"x" * 480, b"x" * 5000):
            assert store.locate(key) is None
        assert store.statistics().misses == 4
        for key in (b"", b"x" * 481):
            with pytest.raises(ValueError, match="chunk key"):
                store.append([(key, b"data")])


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 4096, 262_144])
def test_payloads_of_any_size(tmp_path: Path, size: int) -> None:
    with open_store(tmp_path / "c") as store:
        items = [(key_of(n), payload_of(n, size)) for n in range(5)]
        assert store.append(items)
        assert [fetch(store, key) for key, _ in items] == [payload for _, payload in items]


def test_a_batch_may_span_segments_and_hold_any_buffer(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", capacity=MIB) as store:
        numbers = range(50)
        items = [(key_of(n), memoryview(bytearray(payload_of(n, 100_000)))) for n in numbers]
        assert store.append(items)
        assert all(fetch(store, key_of(n)) == payload_of(n, 100_000) for n in numbers)
        assert store.statistics().segments >= 5


def test_a_batch_of_many_tiny_chunks(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", capacity=MIB) as store:
        assert store.append([(key_of(n), payload_of(n, 20)) for n in range(3000)])
        assert all(fetch(store, key_of(n)) == payload_of(n, 20) for n in range(3000))


def test_a_chunk_that_fits_no_segment_is_not_stored(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", capacity=MIB) as store:
        assert not store.append([(key_of(1), bytes(2 * MIB)), (key_of(2), b"small")])
        assert fetch(store, key_of(1)) is None
        assert fetch(store, key_of(2)) == b"small"


def test_a_later_append_replaces_an_earlier_one(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        assert store.append([(b"k", b"old")])
        assert store.append([(b"k", b"new!")])
        assert fetch(store, b"k") == b"new!"
        assert store.statistics().chunks == 1


def test_runs_and_sets_of_keys_are_looked_up_together(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, [3, 4, 6])
        prefix = key_of(0)[:-4]
        run = store.locate_run(prefix, 2, 5)
        assert [extent is not None for extent in run] == [False, True, True, False, True]
        assert store.contains_many([key_of(3), key_of(5)]) == [True, False]
        assert store.locate_run(prefix, 0, 0) == []


def test_dropped_chunks_are_misses(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, [1, 2])
        store.drop([key_of(1), key_of(9)])
        assert fetch(store, key_of(1)) is None
        assert fetch(store, key_of(2)) == payload_of(2)


def test_verdicts_are_remembered_until_the_store_is_emptied(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        assert store.verdict(b"digest") is None
        store.set_verdict(b"digest", VERIFIED)
        store.set_verdict(b"other", BAD)
    with open_store(tmp_path / "c") as store:
        assert (store.verdict(b"digest"), store.verdict(b"other")) == (1, 2)
        store.clear()
        assert store.verdict(b"digest") is None


def test_verified_means_the_blocks_that_were_compared(tmp_path: Path) -> None:
    """One that comes later was not; that a whole is bad stays known."""
    good, bad = b"\x03" + bytes(16), b"\x04" + bytes(16)
    with open_store(tmp_path / "c") as store, open_store(tmp_path / "c") as other:
        before = store.condemned
        store.set_verdict(good, VERIFIED)
        assert store.condemned == before
        store.set_verdict(bad, BAD)
        assert other.condemned != before
        blocks = [(digest + b"\0\0\0\1", b"x") for digest in (good, bad)]
        other.append(blocks)
        assert (store.verdict(good), store.verdict(bad)) == (VERIFIED, BAD)
        for digest in (good, bad):
            other.append(blocks, unproven=digest)
        assert (store.verdict(good), store.verdict(bad)) == (UNPROVEN, BAD)


def test_emptying_removes_everything_and_writing_goes_on(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, range(20))
        held = store.locate(key_of(1))
        assert held is not None
        store.clear()
        assert segment_files(tmp_path / "c") == []
        assert store.statistics().bytes == store.statistics().chunks == 0
        with pytest.raises(StoreCorrupt):
            store.read(held, 0, 10)
        assert store.read_nowait(held, 0, 10) is None
        fill(store, [1])
        assert fetch(store, key_of(1)) == payload_of(1)
        assert store.read(held, 0, 10) == payload_of(1)[:10]  # found where it is now


def test_two_stores_of_one_directory_in_one_process(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as one, open_store(tmp_path / "c") as two:
        fill(one, [1])
        fill(two, [2])
        assert fetch(two, key_of(1)) == payload_of(1)
        assert fetch(one, key_of(2)) == payload_of(2)
        assert len(segment_files(tmp_path / "c")) == 2
        one.close()
        assert fetch(two, key_of(1)) == payload_of(1)


def test_short_runs_continue_one_segment(tmp_path: Path) -> None:
    for number in range(10):
        with open_store(tmp_path / "c") as store:
            fill(store, [number])
    with open_store(tmp_path / "c") as store:
        assert store.statistics().segments == 1
        assert all(fetch(store, key_of(n)) == payload_of(n) for n in range(10))


def test_after_closing_everything_is_a_miss(tmp_path: Path) -> None:
    store = open_store(tmp_path / "c")
    fill(store, [1])
    extent = store.locate(key_of(1))
    assert extent is not None
    store.close()
    store.close()
    assert store.locate(key_of(1)) is None
    assert not store.append([(b"k", b"v")])
    assert store.read_nowait(extent, 0, 1) is None
    with pytest.raises(StoreCorrupt):
        store.read(extent, 0, 1)
    with pytest.raises(StoreError):
        store.clear()


def test_many_threads_append_and_read_at_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    with open_store(tmp_path / "c", capacity=MIB) as store:

        def work(thread: int) -> None:
            try:
                for n in range(thread * 100, thread * 100 + 60):
                    assert store.append([(key_of(n), payload_of(n, 20_000))])
                    assert fetch(store, key_of(n)) == payload_of(n, 20_000)
            except BaseException as error:  # noqa: BLE001 -- shown by the test
                failures.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert store.verify().chunks == 360
        total = sum(path.stat().st_size for path in segment_files(tmp_path / "c"))
        assert store.statistics().bytes == total


def test_files_are_private(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, [1])
        for path in (tmp_path / "c", *(tmp_path / "c").rglob("*")):
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode == (0o700 if path.is_dir() else 0o600), path


def test_descriptors_are_few_and_not_inherited(tmp_path: Path) -> None:
    with open_store(tmp_path / "c", capacity=MIB) as store:
        fill(store, range(60))
        for name in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                continue
            if target.startswith(str(tmp_path)):
                assert not os.get_inheritable(int(name)), target


@pytest.mark.parametrize("place", [".", "segments", "index"])
def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path, place: str) -> None:
    open_store(tmp_path / "c").close()
    (tmp_path / "c" / place).chmod(0o770)
    with pytest.raises(StoreError, match="others may write"):
        open_store(tmp_path / "c")


@pytest.mark.parametrize("place", [".", "segments"])
def test_a_directory_of_another_user_is_refused(tmp_path: Path, place: str) -> None:
    open_store(tmp_path / "c").close()
    os.chown(tmp_path / "c" / place, 12345, 12345)
    with pytest.raises(StoreError, match="another user"):
        open_store(tmp_path / "c")


def test_a_link_instead_of_the_segments_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path / "c").close()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "c" / "segments").rmdir()
    (tmp_path / "c" / "segments").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="not a directory"):
        open_store(tmp_path / "c")


def test_the_cache_itself_may_lie_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir(mode=0o700)
    (tmp_path / "c").symlink_to(tmp_path / "disk")
    with open_store(tmp_path / "c") as store:
        fill(store, [1])
        assert fetch(store, key_of(1)) == payload_of(1)


def test_a_segment_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, [1])
    (segment,) = segment_files(tmp_path / "c")
    moved = segment.rename(tmp_path / "moved")
    segment.symlink_to(moved)
    with open_store(tmp_path / "c") as store:
        assert store.locate(key_of(1)) is None


def test_a_forked_child_finds_nothing_and_harms_nothing(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, [1])
        child = os.fork()
        if child == 0:
            found: object = "failed"
            try:
                found = store.locate(key_of(1)), store.append([(b"k", b"v")])
            finally:
                os._exit(0 if found == (None, Taken.NO) else 1)
        assert os.waitpid(child, 0)[1] == 0
        fill(store, [2])
        assert fetch(store, key_of(1)) == payload_of(1)


def test_the_statistics_count(tmp_path: Path) -> None:
    store = open_store(tmp_path / "c", limit=10 * MIB)
    assert isinstance(store, ChunkStore)
    fill(store, [1, 2])
    fetch(store, key_of(1))
    fetch(store, key_of(7))
    store.pin("mine", [key_of(1)])
    seen = store.statistics()
    assert (seen.chunks, seen.segments, seen.pins, seen.limit) == (2, 1, 1, 10 * MIB)
    assert (seen.hits, seen.misses, seen.corrupt, seen.evicted) == (1, 1, 0, 0)
    assert (seen.writable, seen.suspended) == (True, False)
    store.close()


def test_the_numbers_of_a_prefix(tmp_path: Path) -> None:
    """Those that are here, in order, page by page, without what merely begins like them."""
    prefix, numbers = b"\x02" + bytes(16), [*range(5, 2500), 1 << 31, (1 << 32) - 1]
    with open_store(tmp_path / "c") as store:
        assert store.append([(prefix + n.to_bytes(4, "big"), b"x") for n in numbers])
        assert store.append([(prefix + bytes(5), b"y"), (b"\x03" + bytes(20), b"z")])
        assert store.numbers(prefix) == numbers
        assert store.numbers(prefix, 2499) == numbers[-3:]
        assert store.numbers(b"\x04") == []


def test_a_view_is_the_whole_chunk_and_is_checked(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        fill(store, [1, 2])
        one, two = store.locate(key_of(1)), store.locate(key_of(2))
        assert one is not None
        assert two is not None
        assert store.view(one) == payload_of(1)
        assert store.view(two) == payload_of(2)
        (segment,) = segment_files(store.directory)
        with segment.open("r+b") as file:
            file.seek(one.offset)
            file.write(b"XX")
        with pytest.raises(StoreCorrupt):
            store.view(one)
        assert store.locate(key_of(1)) is None


def test_checksums_that_are_known_are_taken(tmp_path: Path) -> None:
    with open_store(tmp_path / "c") as store:
        assert store.append([(key_of(1), payload_of(1)), (key_of(2), payload_of(2))], sums=[7])
        one, two = store.locate(key_of(1)), store.locate(key_of(2))
        assert one is not None
        assert two is not None
        assert one.checksum == 7
        assert store.read(two, 0, 10) == payload_of(2)[:10], "what is not told is computed"
