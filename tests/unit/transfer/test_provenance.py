"""Blocks that nobody has compared are served only to those whose own places have the object they are of."""

import pytest

from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of, key_of
from vfs.testing.places import FaultyPlace
from vfs.transfer.provenance import source_of
from vfs.types import BLOCK_SIZE

CONTENT = content_of(9 * MIB)
BLOB = blob_of(CONTENT)
KEY = BLOB.key


def leave(bench: Bench, source: bytes, data: bytes, blocks: range) -> bool:
    """Store blocks as another process does that reads them from a source."""
    bench.store.claim(KEY, source)
    return all(
        bench.store.append([(key_of(BLOB, n), data[n * BLOCK_SIZE :][:BLOCK_SIZE])], source)
        for n in blocks
    )


@pytest.mark.parametrize(("source", "etag"), [(b"theirs", "v1"), (b"ours", "v0"), (b"", "v1")])
async def test_blocks_of_another_source_are_not_served(
    bench: Bench, source: bytes, etag: str
) -> None:
    """Of a stranger's remote, of the object as it was before it was mended, of who knows where."""
    other, place = FaultyPlace(b"", source=source), FaultyPlace(CONTENT, source=b"ours")
    assert leave(bench, source and source_of(other, etag), b"x" * len(CONTENT), range(30))
    await bench.start()
    assert not bench.fetcher.trusts(BLOB)
    assert await bench.read(BLOB, [place], 0, 10) == CONTENT[:10]
    assert await bench.read(BLOB, [place], 5 * MIB, 4 * MIB) == CONTENT[5 * MIB :]
    assert await bench.read(BLOB, [place], 0, 5 * MIB) == CONTENT[: 5 * MIB]
    await bench.quiet()
    assert bench.stored(BLOB) == CONTENT
    assert bench.store.verdict(KEY) == 1
    assert bench.bad == []


async def test_blocks_of_the_same_source_are_used_once_it_has_answered(bench: Bench) -> None:
    place = FaultyPlace(CONTENT, source=b"ours")
    assert leave(bench, source_of(place, "v1"), CONTENT, range(30))
    await bench.start()
    assert await bench.read(BLOB, [place], 0, 10) == CONTENT[:10]
    await bench.quiet()
    asked = len(place.requests)
    assert await bench.read(BLOB, [place], 2 * MIB, 4 * MIB) == CONTENT[2 * MIB : 6 * MIB]
    assert await bench.read(BLOB, [place], 20 * BLOCK_SIZE, 5) == CONTENT[20 * BLOCK_SIZE :][:5]
    assert not [start for start, _ in place.ranges[asked:] if start < 30 * BLOCK_SIZE]
    assert bench.fetcher.trusts(BLOB)


async def test_what_was_compared_is_used_without_asking(bench: Bench) -> None:
    assert leave(bench, b"theirs", CONTENT, range(36))
    bench.store.set_verdict(KEY, 1)
    await bench.start()
    assert bench.fetcher.trusts(BLOB)
    assert await bench.read(BLOB, [], 0, len(CONTENT)) == CONTENT


async def test_another_process_begins_with_another_source(bench: Bench) -> None:
    """Nothing of both is mixed, in neither process."""
    place = FaultyPlace(CONTENT, source=b"ours")
    await bench.start()
    await bench.read(BLOB, [place], 0, 10)
    await bench.quiet()
    assert leave(bench, b"theirs", b"x" * len(CONTENT), range(1, 5))
    assert bench.resident(BLOB) == [1, 2, 3, 4]
    await bench.read(BLOB, [place], 6 * MIB, 10)
    await bench.quiet()
    assert bench.resident(BLOB) == [1, 2, 3, 4], "what is ours is not stored among theirs"
    bench.fetcher.heed(list)
    assert bench.bad == [BLOB], "whoever has seen some of it is told to look again"
    assert not bench.fetcher.trusts(BLOB)
    assert await bench.read(BLOB, [place], BLOCK_SIZE, 10) == CONTENT[BLOCK_SIZE:][:10]
    assert not leave_more(bench)


def leave_more(bench: Bench) -> bool:
    """The other process goes on where it was."""
    return bench.store.append([(key_of(BLOB, 9), bytes(BLOCK_SIZE))], b"theirs")


async def test_another_source_takes_part_in_what_was_compared(bench: Bench) -> None:
    """A block was evicted, and somebody else fetches it from elsewhere."""
    place = FaultyPlace(CONTENT, source=b"ours")
    await bench.start()
    await bench.read(BLOB, [place], 0, len(CONTENT))
    await bench.quiet()
    bench.store.drop([key_of(BLOB, 3)])
    assert leave(bench, b"theirs", b"x" * len(CONTENT), range(3, 4))
    bench.fetcher.heed(list)
    assert await bench.read(BLOB, [place], 0, len(CONTENT)) == CONTENT


async def test_parts_of_several_places_are_for_this_process_alone(bench: Bench) -> None:
    one, other = (FaultyPlace(CONTENT, label=name, source=name.encode()) for name in ("a", "b"))
    await bench.start()
    await bench.read(BLOB, [one], 0, 10)
    bench.fetcher.places_changed()
    await bench.read(BLOB, [other], 6 * MIB, 10)
    await bench.quiet()
    assert {0, 24} <= set(bench.resident(BLOB))
    for place in (one, other):
        assert bench.store.source(KEY) != source_of(place, "v1")


async def test_after_the_store_was_emptied(bench: Bench) -> None:
    place = FaultyPlace(CONTENT, source=b"ours")
    await bench.start()
    await bench.read(BLOB, [place], 0, 10)
    await bench.quiet()
    bench.store.clear()
    await bench.read(BLOB, [place], 0, 10)
    await bench.quiet()
    assert 0 in bench.resident(BLOB)
    assert bench.store.source(KEY) == source_of(place, "v1")
