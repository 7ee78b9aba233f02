"""Bytes of a large content that nobody has compared are for the repository that fetched them; what was right is for all."""

import pytest
import trio

from tests.unit.transfer.bench import (
    MIB,
    SCOPE,
    STRANGER,
    Bench,
    blob_of,
    content_of,
    keys_of,
    leave,
)
from vfs.errors import ContentMismatch, DataUnavailable, ObjectMissing, RemoteUnavailable
from vfs.store import BAD, UNPROVEN, VERIFIED
from vfs.testing.places import FaultyPlace
from vfs.transfer import Fetcher
from vfs.transfer.blocks import Keys
from vfs.transfer.proof import Proof
from vfs.transfer.proving import condemn, prove, seen_blocks
from vfs.types import BLOCK_SIZE

CONTENT = content_of(9 * MIB)
BLOCKS = range(36)
OURS = blob_of(CONTENT)
THEIRS = blob_of(CONTENT, STRANGER)
LIES = b"x" * len(CONTENT)


async def read_all(bench: Bench, place: FaultyPlace) -> None:
    assert await bench.read(OURS, [place], 0, len(CONTENT)) == CONTENT
    await bench.quiet()


async def test_a_stranger_is_never_served_from(bench: Bench) -> None:
    """Whether their bytes were there first, come while we read, after the cache was emptied, or where ours were evicted."""
    place = FaultyPlace(CONTENT)
    assert leave(bench.store, THEIRS, LIES, range(30))
    await bench.start()
    assert await bench.read(OURS, [place], 0, 10) == CONTENT[:10]
    assert leave(bench.store, THEIRS, LIES, BLOCKS)
    await read_all(bench, place)
    assert bench.verdict(OURS) == VERIFIED
    bench.evict(OURS, range(3, 9))
    assert leave(bench.store, THEIRS, LIES, BLOCKS)
    await read_all(bench, place)
    bench.store.clear()
    assert leave(bench.store, THEIRS, LIES, BLOCKS)
    await read_all(bench, place)
    assert bench.stored(OURS) == CONTENT
    assert bench.bad == []


async def test_a_stranger_who_was_lied_to_does_not_spoil_ours(bench: Bench) -> None:
    place = FaultyPlace(CONTENT)
    await bench.start()
    await read_all(bench, place)
    bench.store.set_verdict(THEIRS.key, BAD)
    bench.fetcher.heed(lambda: [OURS])
    assert bench.bad == []
    assert (bench.verdict(OURS), bench.verdict(THEIRS)) == (VERIFIED, BAD)
    assert await bench.read(OURS, [], 0, len(CONTENT)) == CONTENT


async def test_what_was_right_is_for_all(bench: Bench) -> None:
    place = FaultyPlace(CONTENT)
    await bench.start()
    await read_all(bench, place)
    other = Fetcher(bench.store, bench.limits, scope=STRANGER)
    async with trio.open_nursery() as nursery:
        await nursery.start(other.run)
        assert bytes(await other.read(THEIRS, list, 0, len(CONTENT))) == CONTENT
        nursery.cancel_scope.cancel()
    assert bench.verdict(THEIRS) == VERIFIED
    assert bench.fetcher.resident_percent(OURS._replace(scope=b"")) == 100


async def test_versions_are_not_mixed(bench: Bench) -> None:
    """The object was mended since; what an earlier process left of it is not used."""
    place = FaultyPlace(LIES, etag="v0")
    await bench.start()
    assert await bench.read(OURS, [place], 0, 10) == LIES[:10]
    await bench.quiet()
    assert bench.resident(OURS)
    other = Fetcher(bench.store, bench.limits, scope=SCOPE, on_bad=bench.bad.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(other.run)
        mended = [FaultyPlace(CONTENT)]
        for offset in (0, 5 * MIB):
            data = await other.read(OURS, lambda: mended, offset, 4 * MIB)
            assert bytes(data) == CONTENT[offset:][: 4 * MIB]
        nursery.cancel_scope.cancel()
    assert bench.bad == [], "nothing of it was handed out by this one"


async def test_what_is_left_is_used_if_its_version_is_the_present_one(bench: Bench) -> None:
    place = FaultyPlace(CONTENT)
    assert leave(bench.store, OURS, CONTENT, range(30))
    await bench.start()
    assert bench.fetcher.usable(OURS).editions == ()
    assert await bench.read(OURS, [place], 0, 10) == CONTENT[:10]
    await bench.quiet()
    assert bench.fetcher.usable(OURS).editions == keys_of(bench.store, OURS).editions
    asked = len(place.requests)
    assert await bench.read(OURS, [place], 2 * MIB, 4 * MIB) == CONTENT[2 * MIB : 6 * MIB]
    assert not [start for start, _ in place.ranges[asked:] if start < 30 * BLOCK_SIZE]


async def test_what_is_left_is_served_when_no_place_answers(bench: Bench) -> None:
    place = FaultyPlace(CONTENT)
    place.fail = lambda number, request: ObjectMissing("gone")
    assert leave(bench.store, OURS, CONTENT, range(30))
    await bench.start()
    assert await bench.read(OURS, [place], 2 * MIB, 4 * MIB) == CONTENT[2 * MIB : 6 * MIB]
    with pytest.raises(DataUnavailable):
        await bench.read(OURS, [place], 8 * MIB, 10)


async def test_what_is_left_is_not_served_for_an_object_that_is_another_now(bench: Bench) -> None:
    """A place answers, so there is nothing to fall back on: its object has another size, or was replaced and comes slowly."""
    place = FaultyPlace(CONTENT + b"x")
    assert leave(bench.store, OURS, LIES, range(30))
    await bench.start()
    with pytest.raises(ContentMismatch):
        await bench.read(OURS, [place], 2 * MIB, 10)


@pytest.mark.parametrize("ends", ["late", "gone"])
async def test_what_was_replaced_is_not_served_though_the_new_does_not_come(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setattr("vfs.transfer.fetcher.PATIENCE", 0.2)
    place = FaultyPlace(CONTENT)
    place.hold_at(2 * MIB)
    if ends == "gone":
        place.fail = lambda number, request: ObjectMissing("gone") if number else None
        place.break_at = lambda number, request: 0
    assert leave(bench.store, OURS, LIES, range(30), "v0")
    await bench.start(deadline=3.0)
    with pytest.raises((DataUnavailable, RemoteUnavailable)):
        await bench.read(OURS, [place], 2 * MIB, 10)
    place.release()


async def test_blocks_that_came_since_are_not_what_was_compared(bench: Bench) -> None:
    """Proven ones stay; those that were evicted and fetched again are unproven until the whole is compared again."""
    place = FaultyPlace(CONTENT)
    await bench.start()
    await read_all(bench, place)
    bench.evict(OURS, [3])
    assert leave(bench.store, OURS, LIES, range(3, 4))
    assert bench.verdict(OURS) == UNPROVEN
    assert bench.verdict(THEIRS) == VERIFIED, "of the proven blocks that is true"
    bench.fetcher.examine(OURS, lambda: [place])
    await bench.quiet()
    assert bench.verdict(OURS) == BAD
    assert 3 not in bench.resident(OURS)
    assert len(bench.resident(THEIRS)) == 35


@pytest.mark.parametrize("from_memory", [False, True])
async def test_a_block_that_was_replaced_while_the_rest_was_hashed(
    bench: Bench, from_memory: bool
) -> None:
    """Another process of the same repository was lied to; what it stored was not what was compared, so it is not proven."""
    assert leave(bench.store, OURS, CONTENT, BLOCKS)
    proof = Proof(OURS)
    proof.see_all()
    keys = keys_of(bench.store, OURS)
    memory = {5: CONTENT[5 * BLOCK_SIZE :][:BLOCK_SIZE]} if from_memory else {}
    if from_memory:
        assert leave(bench.store, OURS, LIES, range(5, 6))
    assert prove(bench.store, OURS, keys, proof, range(20), memory) is None
    if not from_memory:
        assert leave(bench.store, OURS, LIES, range(5, 6))
    assert prove(bench.store, OURS, keys, proof, range(20, 36), {}) is True
    assert proof.left
    assert bench.verdict(OURS) == UNPROVEN
    proven = seen_blocks(bench.store, Keys(OURS.proven_key), BLOCKS)
    assert proven == [n for n in BLOCKS if n != 5]
    proof = Proof(OURS)
    assert prove(bench.store, OURS, keys, proof, BLOCKS, {}) is False
    condemn(bench.store, OURS, keys)
    assert bench.resident(OURS) == proven


async def test_a_copy_of_a_proven_block_is_let_go(bench: Bench) -> None:
    place = FaultyPlace(CONTENT)
    await bench.start()
    await read_all(bench, place)
    assert leave(bench.store, OURS, LIES, range(7, 8))
    bench.fetcher.examine(OURS, lambda: [place])
    await bench.quiet()
    assert bench.verdict(OURS) == VERIFIED
    assert keys_of(bench.store, OURS).editions == ()
    assert bench.stored(OURS) == CONTENT


async def test_eviction_keeps_proven_blocks_proven(bench: Bench) -> None:
    """What is written again at another place lies under the same key; the index can be made anew from it."""
    place = FaultyPlace(CONTENT)
    await bench.start()
    await read_all(bench, place)
    bench.store.pin("all", [THEIRS.proven_key + n.to_bytes(4, "big") for n in BLOCKS])
    bench.store.set_limit(0)
    assert bench.stored(THEIRS) == CONTENT
    assert bench.verdict(THEIRS) == VERIFIED
