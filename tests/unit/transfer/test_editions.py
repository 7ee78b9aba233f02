"""Unproven bytes are of one version at one place: those of another are never mixed with them, whoever left, replaced or proved them."""

import os
from pathlib import Path

import pytest
import trio

from tests.unit.transfer.bench import MIB, SCOPE, Bench, blob_of, content_of, leave
from vfs.errors import (
    ContentMismatch,
    DataUnavailable,
    ObjectMissing,
    RemoteUnavailable,
    StoreFull,
)
from vfs.store import BAD, BAD_FILE, UNPROVEN, VERIFIED, ChunkStore
from vfs.store.verdicts import Verdicts
from vfs.testing.places import FaultyPlace
from vfs.transfer import Fetcher
from vfs.types import BLOCK_SIZE

CONTENT = content_of(9 * MIB)
OURS = blob_of(CONTENT)
LIES = b"x" * len(CONTENT)


async def in_another_process(
    bench: Bench, place: FaultyPlace, *wanted: tuple[int, int], store: ChunkStore | None = None
) -> list[bytes]:
    """What a later process of the same repository reads."""
    other = Fetcher(store or bench.store, bench.limits, scope=SCOPE)
    async with trio.open_nursery() as nursery:
        await nursery.start(other.run)
        data = [bytes(await other.read(OURS, lambda: [place], *part)) for part in wanted]
        nursery.cancel_scope.cancel()
    return data


async def left_by(bench: Bench, place: FaultyPlace) -> int:
    """A process reads the beginning of an object, and ends; bytes that are in the store then."""
    await bench.start()
    assert await bench.read(OURS, [place], 0, 2 * MIB) == place.content[: 2 * MIB]
    await bench.quiet()
    assert bench.verdict(OURS) == UNPROVEN
    bench.scope.cancel()
    await bench.ended.wait()
    left = bench.resident(OURS)
    assert len(left) > 4
    return len(left) * BLOCK_SIZE


@pytest.mark.parametrize(
    ("label", "before", "now"),
    [("other", "v1", "v1"), ("remote", "v0", "v1"), ("remote", "", "")],
    ids=["place", "version", "nameless"],
)
async def test_what_was_left_of_another_edition_is_not_used(
    bench: Bench, label: str, before: str, now: str
) -> None:
    """Another place was configured, the object was mended, or the place tells no versions, so that nobody can know."""
    size = await left_by(bench, FaultyPlace(LIES, label=label, etag=before))
    mended = FaultyPlace(CONTENT, etag=now)
    first, then = await in_another_process(bench, mended, (8 * MIB, 10), (0, size))
    assert first == CONTENT[8 * MIB :][:10]
    assert then == CONTENT[:size]


async def test_nor_is_it_if_nothing_can_be_written(bench: Bench) -> None:
    size = await left_by(bench, FaultyPlace(LIES, etag="v0"))
    assert bench.store._engine is not None
    bench.store._engine.writable = False  # as `Engine.open` finds it where nothing may be written
    mended = FaultyPlace(CONTENT)
    first, then = await in_another_process(bench, mended, (8 * MIB, 10), (0, size))
    assert first == CONTENT[8 * MIB :][:10]
    assert then == CONTENT[:size]


async def test_nor_is_it_after_the_index_was_lost(bench: Bench, tmp_path: Path) -> None:
    store = Bench.open_store(tmp_path / "two")
    assert leave(store, OURS, LIES, range(30), "v0")
    store.close()
    (tmp_path / "two" / "chunks" / "boot").write_text("another boot")
    with Bench.open_store(tmp_path / "two") as store:
        place = FaultyPlace(CONTENT)
        (data,) = await in_another_process(bench, place, (2 * MIB, 10), store=store)
    assert data == CONTENT[2 * MIB :][:10]


async def test_nor_is_it_beside_a_wrong_local_file(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(LIES)
    cache = FaultyPlace(LIES, label="dvc-cache", local=True)
    cache.file = os.fspath(tmp_path / "object")
    assert leave(bench.store, OURS, LIES, range(30), "v0")
    await bench.start()
    file = await bench.fetcher.find_local(OURS, lambda: [cache])
    assert file is not None
    bench.fetcher.check_file(file)
    await bench.quiet()
    assert bench.verdict(OURS) == BAD_FILE
    assert await bench.read(OURS, [FaultyPlace(CONTENT)], 2 * MIB, 10) == CONTENT[2 * MIB :][:10]


async def test_a_wrong_local_file_hides_nothing(bench: Bench, tmp_path: Path) -> None:
    """That remotes have a wrong object stays known, and that all of it was right counts for more."""
    (tmp_path / "object").write_bytes(LIES)
    cache = FaultyPlace(LIES, label="dvc-cache", local=True)
    cache.file = os.fspath(tmp_path / "object")
    await bench.start()
    file = await bench.fetcher.find_local(OURS, lambda: [cache])
    assert file is not None
    bench.store.set_verdict(OURS.key, BAD)
    bench.fetcher.check_file(file)
    await bench.quiet()
    assert bench.verdict(OURS) == BAD
    bench.store.promote(OURS.key, (), OURS.proven_key, [])
    assert bench.verdict(OURS) == VERIFIED
    bench.store.set_verdict(OURS.key, UNPROVEN)
    assert bench.verdict(OURS) == UNPROVEN, "the file was given up"


async def test_memory_forgets_what_was_replaced(bench: Bench) -> None:
    """The cache takes nothing: what memory has of the old object is not mixed with the new one."""
    bench.refuse_to_store()
    place = FaultyPlace(LIES, etag="v0")
    await bench.start()
    assert await bench.read(OURS, [place], 0, 10) == LIES[:10]
    await bench.quiet()
    place.content, place.etag = CONTENT, "v1"
    assert await bench.read(OURS, [place], 8 * MIB, 10) == CONTENT[8 * MIB :][:10]
    await bench.quiet()
    assert bench.bad == [OURS]
    assert await bench.read(OURS, [place], 0, 10) == CONTENT[:10]


async def test_a_get_of_the_old_version_brings_nothing_after_the_new_was_seen(bench: Bench) -> None:
    """An answer that runs goes on with the old object, as S3's and an open file's do; who waits for it gets the new one."""
    place, mended = FaultyPlace(LIES, etag="v0"), FaultyPlace(CONTENT, etag="v1")
    place.hold_at(1 * MIB)
    got: list[bytes] = []

    async def read() -> None:
        got.append(await bench.read(OURS, [place], 0, 4 * MIB))

    await bench.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await bench.until(lambda: place.sent == MIB)
        place.get = mended.get  # type: ignore[method-assign]
        assert await bench.read(OURS, [place], 8 * MIB, 10) == CONTENT[8 * MIB :][:10]
        assert bench.bad == [OURS]
        await bench.until(lambda: bool(got))
        place.release()
    await bench.quiet()
    assert got == [CONTENT[: 4 * MIB]]
    assert await bench.read(OURS, [place], 0, 9 * MIB) == CONTENT
    await bench.quiet()
    assert bench.verdict(OURS) == VERIFIED


async def test_a_place_that_is_none_any_more(bench: Bench) -> None:
    """The configuration names another one: a GET that runs, what was handed out, and what is stored of the old one end with it."""
    old, new = FaultyPlace(LIES, label="old"), FaultyPlace(CONTENT, label="new")
    old.hold_at(2 * MIB)  # which are stored at once
    places, got = [old], list[bytes]()

    async def read() -> None:
        got.append(bytes(await bench.fetcher.read(OURS, lambda: list(places), 0, 4 * MIB)))

    await bench.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await bench.until(lambda: old.sent == 2 * MIB)
        await bench.until(lambda: bench.resident(OURS) == list(range(8)))
        places[:] = [new]
        bench.fetcher.places_changed()
        await bench.until(lambda: bool(got))
        old.release()
    await bench.quiet()
    assert got == [CONTENT[: 4 * MIB]]
    assert bench.bad == [OURS]
    assert await bench.read(OURS, places, 0, 9 * MIB) == CONTENT


async def test_who_asks_for_the_verdict_learns_that_an_object_was_replaced_meanwhile(
    bench: Bench,
) -> None:
    """Half of what `vfs cat` has written is of the object of before."""
    place = FaultyPlace(LIES, etag="v0")
    await bench.start()
    assert await bench.read(OURS, [place], 0, 10) == LIES[:10]
    await bench.quiet()
    place.content, place.etag = CONTENT, "v1"
    assert await bench.read(OURS, [place], 0, 9 * MIB)
    with pytest.raises(ContentMismatch):
        await bench.fetcher.verify(OURS, lambda: [place])
    await bench.fetcher.verify(OURS, lambda: [place])
    assert bench.verdict(OURS) == VERIFIED


async def test_what_was_hashed_of_the_old_object_condemns_nothing_that_is_proven(
    bench: Bench,
) -> None:
    """Two mounts of one repository: the second meets the mended object, fetches and proves it; the first has hashed the old one."""
    old, new = FaultyPlace(LIES, etag="v0"), FaultyPlace(CONTENT, etag="v1")
    await bench.start()
    assert await bench.read(OURS, [old], 0, 5 * MIB) == LIES[: 5 * MIB]
    await bench.quiet()
    other = Fetcher(bench.store, bench.limits, scope=SCOPE)
    async with trio.open_nursery() as nursery:
        await nursery.start(other.run)
        for offset in range(0, 9 * MIB, MIB):
            await other.read(OURS, lambda: [new], offset, MIB)
        await other.verify(OURS, lambda: [new])
        old.get = new.get  # type: ignore[method-assign]
        assert await bench.read(OURS, [old], 4 * MIB, 5 * MIB) == CONTENT[4 * MIB :]
        with pytest.raises(ContentMismatch):  # what was read before was wrong
            await bench.fetcher.verify(OURS, lambda: [old])
        assert bench.bad == [OURS]
        other.heed(lambda: [OURS])
        assert bytes(await other.read(OURS, lambda: [new], 0, 9 * MIB)) == CONTENT
        nursery.cancel_scope.cancel()
    assert await bench.read(OURS, [old], 0, 9 * MIB) == CONTENT
    assert bench.verdict(OURS) == VERIFIED


async def test_proven_blocks_are_served_whatever_is_said_of_the_whole(bench: Bench) -> None:
    place = FaultyPlace(CONTENT)
    await bench.start()
    assert await bench.read(OURS, [place], 0, len(CONTENT)) == CONTENT
    await bench.quiet()
    bench.store.set_verdict(OURS.key, BAD)
    bench.fetcher.heed(lambda: [OURS])
    assert await bench.read(OURS, [], 0, len(CONTENT)) == CONTENT


@pytest.mark.parametrize("read_on", [True, False], ids=["read", "maintained"])
async def test_what_was_handed_out_is_compared_with_what_others_have_proven(
    bench: Bench, read_on: bool
) -> None:
    """Our place lies; another repository has proven the content. Nothing is verified before the lies are forgotten."""
    await bench.start()
    place = FaultyPlace(LIES)
    assert await bench.read(OURS, [place], 0, 10) == LIES[:10]
    await bench.quiet()
    assert leave(bench.store, OURS, CONTENT, range(36), "proven")
    (key,) = (OURS.edition_key(e) for e in bench.store.remembered(OURS.key).values())
    stamps = [
        (block, extent.stamp)
        for block in range(36)
        if (extent := bench.store.locate(key + block.to_bytes(4, "big"))) is not None
    ]
    assert bench.store.promote(OURS.key, [key], OURS.proven_key, stamps)
    assert bench.verdict(OURS) == VERIFIED
    assert bench.fetcher.verdict(OURS) == UNPROVEN, "what we handed out was compared by nobody"
    if read_on:
        assert await bench.read(OURS, [place], 5 * MIB, 4 * MIB) == CONTENT[5 * MIB :]
    else:
        bench.fetcher.heed(list)
    await bench.quiet()
    assert bench.bad == [OURS]
    assert bench.fetcher.statistics().bad == 1
    assert bench.fetcher.verdict(OURS) == VERIFIED
    assert await bench.read(OURS, [place], 0, 9 * MIB) == CONTENT


async def test_what_is_left_is_served_though_the_deadline_is_short(bench: Bench) -> None:
    """`transfer.deadline` below the five seconds that a read waits for a place to answer."""
    place = FaultyPlace(CONTENT)
    place.fail = lambda number, request: RemoteUnavailable("down")
    assert leave(bench.store, OURS, CONTENT, range(30))
    await bench.start(deadline=2.0)
    assert await bench.read(OURS, [place], 2 * MIB, 10) == CONTENT[2 * MIB :][:10]


async def test_what_is_left_is_served_after_a_block_that_is_not(bench: Bench) -> None:
    place = FaultyPlace(CONTENT)
    place.fail = lambda number, request: ObjectMissing("gone")
    assert leave(bench.store, OURS, CONTENT, range(30))
    await bench.start()
    with pytest.raises(DataUnavailable):
        await bench.read(OURS, [place], 8 * MIB, 10)
    assert await bench.read(OURS, [place], 2 * MIB, 10) == CONTENT[2 * MIB :][:10]


async def test_what_was_left_of_a_place_of_before_is_not_served_for_one_of_now(
    bench: Bench,
) -> None:
    """Neither answers; the one that is configured now has never given anything."""
    place = FaultyPlace(CONTENT, label="new")
    place.fail = lambda number, request: ObjectMissing("gone")
    assert leave(bench.store, OURS, LIES, range(30))
    await bench.start()
    with pytest.raises(DataUnavailable):
        await bench.read(OURS, [place], 2 * MIB, 10)


@pytest.mark.parametrize("left", [30, 36], ids=["part", "whole"])
async def test_prefetch_from_a_sound_place_succeeds_whatever_was_left(
    bench: Bench, left: int
) -> None:
    assert leave(bench.store, OURS, LIES, range(left), "v0")
    await bench.start()
    report = await bench.fetcher.prefetch([(OURS, lambda: [FaultyPlace(CONTENT)])])
    assert report.failed_files == 0, report.problems
    assert bench.stored(OURS) == CONTENT


async def test_prefetch_fetches_only_what_was_not_left(bench: Bench) -> None:
    place = FaultyPlace(CONTENT)
    assert leave(bench.store, OURS, CONTENT, range(30))
    await bench.start()
    report = await bench.fetcher.prefetch([(OURS, lambda: [place])])
    assert (report.failed_files, report.fetched_files) == (0, 1)
    assert place.sent == 7 * BLOCK_SIZE, "the six that were missing, and one to learn the version"
    assert bench.verdict(OURS) == VERIFIED


async def test_prefetch_of_what_was_left_whole_needs_no_place(bench: Bench) -> None:
    place = FaultyPlace(CONTENT)
    place.fail = lambda number, request: ObjectMissing("gone")
    assert leave(bench.store, OURS, CONTENT, range(36))
    await bench.start()
    report = await bench.fetcher.prefetch([(OURS, lambda: [place])])
    assert report.failed_files == 0, report.problems
    assert bench.verdict(OURS) == VERIFIED


async def test_a_verdict_that_could_not_be_written_does_not_outlive_what_it_was_of(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of the index was full for a moment; what comes later was compared by nobody."""
    place, liar = FaultyPlace(CONTENT), FaultyPlace(LIES, etag="v2")
    await bench.start()
    with monkeypatch.context() as full:

        def fails(*_: object) -> bool:
            raise StoreFull("no room left on the disk")

        full.setattr(Verdicts, "promote", fails)
        assert await bench.read(OURS, [place], 0, 9 * MIB) == CONTENT
        await bench.fetcher.verify(OURS, lambda: [place])
        await bench.quiet()
        assert bench.verdict(OURS) == VERIFIED
    bench.evict(OURS, range(36))
    place.get = liar.get  # type: ignore[method-assign]
    bench.fetcher.places_changed()
    await bench.quiet()
    assert await bench.read(OURS, [place], 2 * MIB, 10) == LIES[:10]
    await bench.quiet()
    assert bench.verdict(OURS) != VERIFIED


async def test_what_is_not_remembered_was_not_handed_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blob that the fetcher forgets could not be taken back later, so that is done then."""
    monkeypatch.setattr("vfs.transfer.states.MOST", 2)
    place = FaultyPlace(CONTENT)
    await bench.start()
    assert await bench.read(OURS, [place], 0, 10) == CONTENT[:10]
    await bench.quiet()
    for seed in (1, 2):
        other = content_of(5 * MIB, seed)
        assert await bench.read(blob_of(other), [FaultyPlace(other)], 0, 10) == other[:10]
        await bench.quiet()
    assert bench.bad == [OURS]


async def test_many_small_ones_do_not_let_what_was_handed_out_be_forgotten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has had all of a wrong large one is told, whatever else was read meanwhile."""
    monkeypatch.setattr("vfs.transfer.states.MOST", 2)
    monkeypatch.setattr("vfs.transfer.fetcher.promote", lambda *_: None)  # it would be told before
    place = FaultyPlace(LIES)
    await bench.start()
    for number in (7, 4, 8, 2, 6, 1, 3, 5):
        await bench.read(OURS, [place], number * MIB, MIB)
    for seed in (1, 2, 3):
        small = content_of(10, seed)
        assert await bench.read(blob_of(small), [FaultyPlace(small)], 0, 10) == small
        await bench.quiet()
    assert bench.bad == []
    with pytest.raises(ContentMismatch):
        await bench.read(OURS, [place], 0, MIB)


async def test_what_is_known_of_one_blob_does_not_grow_without_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.transfer.states.MOST_WEIGHT", 2000)
    content = content_of(100 * MIB)
    blob, place = blob_of(content), FaultyPlace(content)
    await bench.start()
    for offset in range(90 * MIB, 0, -10 * MIB):
        assert await bench.read(blob, [place], offset, 10) == content[offset:][:10]
        await bench.quiet()
        assert bench.fetcher._engine.state(blob, list).weight <= 2000
    assert set(bench.bad) == {blob}, "nobody could take back what was handed out of it"
