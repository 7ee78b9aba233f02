"""A size that a pointer claims wrongly, of a content that others name rightly."""

import pytest

from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of
from vfs.errors import DataUnavailable, VfsError
from vfs.store import VERIFIED
from vfs.testing.places import FaultyPlace
from vfs.types import Blob


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
