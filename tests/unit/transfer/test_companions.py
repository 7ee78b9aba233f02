"""Blobs that come along with an answer are stored if they are what they should be."""

from collections.abc import Iterator

from tests.unit.transfer.bench import Bench, blob_of, content_of
from vfs.errors import ContentMismatch
from vfs.store import VERIFIED
from vfs.testing.places import FaultyPlace
from vfs.types import Blob

WANTED, GOOD, LIE = content_of(8000, 1), content_of(8000, 2), content_of(8000, 3)


class GenerousPlace(FaultyPlace):
    def companions(self) -> Iterator[tuple[Blob, bytes]]:
        yield blob_of(GOOD), GOOD
        yield blob_of(LIE), LIE[:-1] + b"x"
        raise ContentMismatch("the rest is damaged")


async def test_what_came_along_is_checked_and_stored(bench: Bench) -> None:
    await bench.start()
    assert await bench.read(blob_of(WANTED), [GenerousPlace(WANTED)], 0, 8000) == WANTED
    await bench.quiet()
    other = FaultyPlace(GOOD)
    assert await bench.read(blob_of(GOOD), [other], 0, 8000) == GOOD
    assert not other.requests
    assert bench.verdict(blob_of(GOOD)) == VERIFIED
    liar = FaultyPlace(LIE)
    assert await bench.read(blob_of(LIE), [liar], 0, 8000) == LIE
    assert len(liar.requests) == 1
