"""A size that a pointer claims wrongly, of a content that others name rightly."""

import tracemalloc

import pytest

from tests.unit.transfer.bench import MIB, SCOPE, Bench, blob_of, content_of
from vfs.errors import DataUnavailable, VfsError
from vfs.store import VERIFIED
from vfs.testing.places import FaultyPlace
from vfs.transfer.blocks import scoped
from vfs.types import Algorithm, Blob, Digest


@pytest.mark.parametrize("length", [9000, 9 * MIB])
@pytest.mark.parametrize("claimed", [1000, 5 * MIB, 20 * MIB])
async def test_it_spoils_nothing_of_the_right_one(bench: Bench, length: int, claimed: int) -> None:
    content = content_of(length)
    right = blob_of(content)
    wrong = Blob(right.digest, claimed)
    await bench.start()
    for _ in range(2):
        with pytest.raises(VfsError):
            await bench.read(wrong, [FaultyPlace(content)], 0, min(claimed, 10 * MIB))
        assert await bench.read(right, [FaultyPlace(content)], 0, length) == content
        await bench.quiet()
    assert bench.verdict(right) == VERIFIED
    assert bench.verdict(wrong) != VERIFIED
    assert bench.resident(right) == list(range(-(-length // (MIB // 4))))


async def test_what_a_cut_content_leaves_is_not_served_for_the_whole(bench: Bench) -> None:
    """An answer that does not tell its size (chunked HTTP) is cut to what the pointer says."""
    content = content_of(9 * MIB)
    right = blob_of(content)
    wrong = Blob(right.digest, 9 * MIB - 10)
    await bench.start()
    assert await bench.read(wrong, [FaultyPlace(content[:-10])], 0, 10) == content[:10]
    with pytest.raises(DataUnavailable):
        await bench.read(right, [], 9 * MIB - 20, 20)
    assert await bench.read(right, [FaultyPlace(content)], 9 * MIB - 20, 20) == content[-20:]


async def test_what_is_known_costs_by_what_came(bench: Bench) -> None:
    """Any size may be claimed, by the pointer and by the server: a read costs its block, and looking through the store ends."""
    content = content_of(4 * MIB)
    place = FaultyPlace(content)
    place.reported_size = 1 << 50
    tracemalloc.start()
    try:
        await bench.start()
        for number in range(20):
            blob = scoped(Blob(Digest(Algorithm.MD5, bytes([number] * 16)), 1 << 50), SCOPE)
            assert await bench.read(blob, [place], 0, 4096) == content[:4096]
            await bench.quiet()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * MIB


async def test_what_is_known_of_blocks_is_bounded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.transfer.states.MOST_WEIGHT", 5000)
    place = FaultyPlace(content_of(MIB))
    place.reported_size = 1 << 40
    blobs = [
        scoped(Blob(Digest(Algorithm.MD5, bytes([number] * 16)), 1 << 40), SCOPE)
        for number in range(20)
    ]
    await bench.start()
    for blob in blobs:
        await bench.read(blob, [place], 0, 4096)
        await bench.quiet()
        states = bench.fetcher._engine._states
        assert sum(state.weight for state in states) < 10_000
    assert bench.bad[:10] == blobs[:10]  # whoever has pages of them lets go of them
