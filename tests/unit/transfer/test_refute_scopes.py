"""What a reviewer could make the keying of unproven blocks do. Each test states what docs/concurrency.md (8) promises, and fails."""

import os
from pathlib import Path

import pytest
import trio

from tests.unit.transfer.bench import (
    MIB,
    SCOPE,
    Bench,
    blob_of,
    content_of,
    leave,
)
from vfs.store import BAD_FILE, UNPROVEN, ChunkStore
from vfs.testing.places import FaultyPlace
from vfs.transfer import Fetcher
from vfs.transfer.blocks import verdict
from vfs.transfer.proof import Proof
from vfs.transfer.proving import prove
from vfs.types import BLOCK_SIZE

CONTENT = content_of(9 * MIB)
OURS = blob_of(CONTENT)
LIES = b"x" * len(CONTENT)
DEADLINE = 3.0


async def another(bench: Bench, store: ChunkStore, place: FaultyPlace, offset: int, size: int) -> bytes:
    """A later process of the same repository reads."""
    other = Fetcher(store, bench.limits, scope=SCOPE, on_bad=bench.bad.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(other.run)
        data = bytes(await other.read(OURS, lambda: [place], offset, size))
        nursery.cancel_scope.cancel()
    return data


async def test_a_place_that_never_gave_a_byte_does_not_vouch_for_what_another_gave(bench: Bench) -> None:
    """The remote lied, so the configuration names another one now: its version is not that of what was left."""
    old = FaultyPlace(LIES, label="old", etag="a")
    await bench.start()
    assert await bench.read(OURS, [old], 0, 2 * MIB) == LIES[: 2 * MIB]
    await bench.quiet()
    assert bench.verdict(OURS) == UNPROVEN
    left = bench.resident(OURS)
    assert len(left) > 4
    bench.scope.cancel()
    await bench.ended.wait()
    new = FaultyPlace(CONTENT, label="new", etag="b")
    size = len(left) * BLOCK_SIZE
    other = Fetcher(bench.store, bench.limits, scope=SCOPE, on_bad=bench.bad.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(other.run)
        first = bytes(await other.read(OURS, lambda: [new], 8 * MIB, 10))
        then = bytes(await other.read(OURS, lambda: [new], 0, size))
        nursery.cancel_scope.cancel()
    assert first == CONTENT[8 * MIB :][:10]
    assert then == CONTENT[:size], "bytes of the old remote though the new one answers"


async def test_a_read_only_store_vouches_for_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object was mended; this process cannot write to the cache, so it cannot drop what is of the old one."""
    old = FaultyPlace(LIES, etag="v0")
    await bench.start()
    assert await bench.read(OURS, [old], 0, 10) == LIES[:10]
    await bench.quiet()
    left = bench.resident(OURS)
    bench.scope.cancel()
    await bench.ended.wait()
    bench.store._engine.writable = False  # as `Engine.open` finds it where nothing may be written
    new = FaultyPlace(CONTENT, etag="v1")
    other = Fetcher(bench.store, bench.limits, scope=SCOPE, on_bad=bench.bad.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(other.run)
        first = bytes(await other.read(OURS, lambda: [new], 8 * MIB, 10))
        size = len(left) * BLOCK_SIZE
        then = bytes(await other.read(OURS, lambda: [new], 0, size))
        nursery.cancel_scope.cancel()
    assert first == CONTENT[8 * MIB :][:10]
    assert then == CONTENT[:size], "bytes of the object of before though the place told another version"


async def test_memory_forgets_what_was_replaced(bench: Bench) -> None:
    """The cache takes nothing, the object is replaced: what memory has of the old one is not mixed with the new one."""
    bench.refuse_to_store()
    place = FaultyPlace(LIES, etag="v0")
    await bench.start()
    assert await bench.read(OURS, [place], 0, 10) == LIES[:10]
    await bench.quiet()
    place.content, place.etag = CONTENT, "v1"
    assert await bench.read(OURS, [place], 8 * MIB, 10) == CONTENT[8 * MIB :][:10]
    await bench.quiet()
    assert bench.bad == [OURS]
    assert await bench.read(OURS, [place], 0, 10) == CONTENT[:10], "from memory, of the old object"


async def test_a_get_of_the_old_version_brings_nothing_after_the_new_was_seen(bench: Bench) -> None:
    """One GET of the old object still runs when another one is told that it was replaced."""
    place, mended = FaultyPlace(LIES, etag="v0"), FaultyPlace(CONTENT, etag="v1")
    place.hold_at(1 * MIB)
    await bench.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.read, OURS, [place], 0, 4 * MIB)
        await bench.until(lambda: place.sent == MIB)
        # the object is replaced; the answer that runs goes on with the old one, as S3's and an open file's do
        place.get = mended.get  # type: ignore[method-assign]
        assert await bench.read(OURS, [place], 8 * MIB, 10) == CONTENT[8 * MIB :][:10]
        assert bench.bad == [OURS], "it was noticed, and what was of the old one was dropped"
        place.release()
    await bench.quiet()
    data = await bench.read(OURS, [place], 0, 8 * MIB)
    blocks = [data[n * BLOCK_SIZE :][:BLOCK_SIZE] for n in range(32)]
    old = [n for n in range(32) if blocks[n] == LIES[:BLOCK_SIZE]]
    assert not old, f"blocks {old} are of the old object, in one read with the new one"


async def test_a_wrong_local_file_does_not_vouch_for_what_was_left(bench: Bench) -> None:
    """`BAD_FILE` in the place of `UNPROVEN`: what an earlier process left is trusted without asking."""
    assert leave(bench.store, OURS, LIES, range(30))
    assert bench.verdict(OURS) == UNPROVEN
    # as FileProof._settle does for a damaged cache file
    if bench.store.verdict(OURS.key) in (None, UNPROVEN):
        bench.store.set_verdict(OURS.key, BAD_FILE)
    await bench.start()
    place = FaultyPlace(CONTENT)
    bench.store.is_replaced(OURS.key, b"\0" * 16, b"v0".ljust(16))
    assert await bench.read(OURS, [place], 2 * MIB, 10) == CONTENT[2 * MIB :][:10]


async def test_a_rebuilt_index_does_not_vouch_for_what_it_finds(bench: Bench, tmp_path: Path) -> None:
    """After a power cut: blocks that nobody compared, also those that were dropped, come back; nobody says that they are unproven."""
    store = Bench.open_store(tmp_path / "two")
    assert leave(store, OURS, LIES, range(30))
    name = b"p" * 16
    assert store.is_replaced(OURS.key, name, b"0" * 16) is False
    assert store.is_replaced(OURS.key, name, b"1" * 16) is True, "dropped: the object was mended"
    store.close()
    (tmp_path / "two" / "chunks" / "boot").write_text("another boot")
    store = Bench.open_store(tmp_path / "two")
    place = FaultyPlace(CONTENT)
    assert (await another(bench, store, place, 2 * MIB, 10)) == CONTENT[2 * MIB :][:10]
    store.close()


async def test_eviction_does_not_bring_back_what_was_dropped(bench: Bench, tmp_path: Path) -> None:
    """What is written again while a segment goes was dropped meanwhile by another process."""
    store = ChunkStore.open(tmp_path / "small" / "chunks", limit=1 << 30, min_free=0, capacity=4 * MIB)
    name = b"p" * 16
    assert store.is_replaced(OURS.key, name, b"0" * 16) is False
    assert leave(store, OURS, LIES, range(30))
    store.pin("all", [OURS.key + n.to_bytes(4, "big") for n in range(4)])
    engine = store._engine
    engine.appender.rest(idle_only=False)
    read, done = engine.evictor._read, []

    def meanwhile(descriptor, member):
        if not done:  # another process learns that the object was replaced
            done.append(store.is_replaced(OURS.key, name, b"1" * 16))
        return read(descriptor, member)

    engine.evictor._read = meanwhile
    store.set_limit(12 * MIB)
    store.evict()
    store.set_limit(6 * MIB)
    assert done == [True]
    left = [n for n in range(30) if store.locate(OURS.key + n.to_bytes(4, "big"))]
    assert left == [], "blocks of the object of before are back, under the version of the new one"
    store.close()


async def test_what_one_process_hashed_of_the_old_object_does_not_condemn_what_another_has_proven(bench: Bench) -> None:
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
        assert bytes(await other.read(OURS, lambda: [new], 0, 9 * MIB)) == CONTENT
        old.get = new.get  # type: ignore[method-assign]
        data = await bench.read(OURS, [old], 4 * MIB, 5 * MIB)
        assert data == CONTENT[4 * MIB :], "one read, two objects"
        try:
            await bench.fetcher.verify(OURS, lambda: [old])
        finally:
            other.heed(lambda: [OURS])
            assert bytes(await other.read(OURS, lambda: [new], 0, 9 * MIB)) == CONTENT
        nursery.cancel_scope.cancel()



async def test_a_place_without_versions_vouches_for_nothing(bench: Bench) -> None:
    """An HTTP server without (strong) ETags: that the object is the same as before cannot be known, so what was left is not used."""
    place = FaultyPlace(LIES, etag="")
    await bench.start()
    assert await bench.read(OURS, [place], 0, 2 * MIB) == LIES[: 2 * MIB]
    await bench.quiet()
    bench.scope.cancel()
    await bench.ended.wait()
    mended = FaultyPlace(CONTENT, etag="")
    other = Fetcher(bench.store, bench.limits, scope=SCOPE, on_bad=bench.bad.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(other.run)
        first = bytes(await other.read(OURS, lambda: [mended], 8 * MIB, 10))
        then = bytes(await other.read(OURS, lambda: [mended], 0, 2 * MIB))
        nursery.cancel_scope.cancel()
    assert first == CONTENT[8 * MIB :][:10]
    assert then == CONTENT[: 2 * MIB]


async def test_what_is_left_is_served_though_the_deadline_is_short(bench: Bench) -> None:
    """`transfer.deadline` below the five seconds that a read waits for a place to answer."""
    from vfs.errors import RemoteUnavailable

    place = FaultyPlace(CONTENT)
    place.fail = lambda number, request: RemoteUnavailable("down")
    assert leave(bench.store, OURS, CONTENT, range(30))
    await bench.start(deadline=4.0)
    assert await bench.read(OURS, [place], 2 * MIB, 10) == CONTENT[2 * MIB :][:10]


async def test_what_is_left_is_served_after_a_block_that_is_not(bench: Bench) -> None:
    """Offline: a block that is missing was asked for in vain just before."""
    from vfs.errors import DataUnavailable, ObjectMissing

    place = FaultyPlace(CONTENT)
    place.fail = lambda number, request: ObjectMissing("gone")
    assert leave(bench.store, OURS, CONTENT, range(30))
    await bench.start()
    with pytest.raises(DataUnavailable):
        await bench.read(OURS, [place], 8 * MIB, 10)
    assert await bench.read(OURS, [place], 2 * MIB, 10) == CONTENT[2 * MIB :][:10]


@pytest.mark.parametrize("left", [30, 36], ids=["part", "whole"])
async def test_prefetch_from_a_sound_place_succeeds_whatever_was_left(bench: Bench, left: int) -> None:
    """The user was told that the object is wrong or changed the remote, and prefetches again."""
    assert leave(bench.store, OURS, LIES, range(left))
    await bench.start()
    report = await bench.fetcher.prefetch([(OURS, lambda: [FaultyPlace(CONTENT)])])
    assert report.failed_files == 0, report.problems


async def test_a_verdict_that_could_not_be_written_does_not_outlive_what_it_was_of(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of the index was full for a moment; what comes later was compared by nobody."""
    from vfs.errors import StoreFull
    from vfs.store import VERIFIED
    from vfs.store.verdicts import Verdicts

    place, liar = FaultyPlace(CONTENT), FaultyPlace(LIES, etag="v2")
    await bench.start()
    with monkeypatch.context() as full:

        def fails(*_: object) -> bool:
            raise StoreFull("no room left on the disk")

        full.setattr(Verdicts, "promote", fails)
        assert await bench.read(OURS, [place], 0, 9 * MIB) == CONTENT
        await bench.fetcher.verify(OURS, lambda: [place])
        await bench.quiet()
    bench.evict(OURS, range(36))
    place.get = liar.get  # type: ignore[method-assign]
    bench.fetcher.places_changed()
    await bench.quiet()
    data = await bench.read(OURS, [place], 2 * MIB, 10)
    await bench.quiet()
    assert data == LIES[:10]
    assert bench.verdict(OURS) != VERIFIED, "of bytes that nobody has compared"
    await bench.read(OURS, [place], 0, 9 * MIB)


async def test_eviction_does_not_make_lies_verified(bench: Bench, tmp_path: Path) -> None:
    """While a segment is written again, another process drops what is in it, fetches the mended object and proves it.

    What eviction writes back has no proven twin any more once that is evicted, and nothing says that it is unproven.
    """
    from vfs.store import VERIFIED

    store = ChunkStore.open(tmp_path / "small" / "chunks", limit=1 << 30, min_free=0, capacity=4 * MIB)
    name = b"p" * 16
    assert store.is_replaced(OURS.key, name, b"0" * 16) is False
    assert leave(store, OURS, LIES, range(15))
    for block in range(4):  # they were read, so they are written again
        extent = store.locate(OURS.key + block.to_bytes(4, "big"))
        assert extent is not None
        store.read(extent, 0, 10)
    engine = store._engine
    engine.appender.rest(idle_only=False)
    read, done = engine.evictor._read, []

    def meanwhile(descriptor, member):  # another process, between two transactions of the eviction
        if not done:
            done.append(store.is_replaced(OURS.key, name, b"1" * 16))
            assert leave(store, OURS, CONTENT, range(36))
            proof = Proof(OURS)
            proof.see_all()
            done.append(prove(store, OURS, proof, range(36), {}))
        return read(descriptor, member)

    engine.evictor._read = meanwhile
    engine.table.flush_touches()
    engine.evictor.run(lambda: not done)
    assert done == [True, True]
    store.drop([OURS.proven_key + n.to_bytes(4, "big") for n in range(4)])  # evicted some time later
    place = FaultyPlace(CONTENT)
    data = await another(bench, store, place, 0, 10)
    found = verdict(store, OURS)
    store.close()
    assert data == CONTENT[:10], f"lies, and the verdict is {'VERIFIED' if found == VERIFIED else found}"
