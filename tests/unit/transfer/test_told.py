"""Who has read wrong bytes and asks for the verdict is told, also if all is right by then."""

import pytest
import trio.testing

from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of
from vfs.errors import ContentMismatch
from vfs.testing.places import FaultyPlace

CONTENT = content_of(9 * MIB)
OURS = blob_of(CONTENT)
LIES = b"x" * len(CONTENT)


@pytest.mark.parametrize("second", [False, True], ids=["mended", "another place is right"])
async def test_a_reader_that_paused_until_the_refusal_ended(
    bench: Bench, mock_clock: trio.testing.MockClock, second: bool
) -> None:
    mock_clock.rate = 1.0
    place = FaultyPlace(LIES, etag="v0")
    places = [place, FaultyPlace(CONTENT, label="second")] if second else [place]
    await bench.start()
    given = await bench.read(OURS, places, 0, MIB)
    await bench.read(OURS, places, MIB, 7 * MIB)  # read ahead: all is seen, and condemned
    await bench.until(lambda: bench.fetcher.statistics().bad > 0)
    await bench.quiet()
    if not second:
        place.content, place.etag = CONTENT, "v1"
    mock_clock.jump(61)
    given += await bench.read(OURS, places, MIB, 8 * MIB)
    assert given != CONTENT
    with pytest.raises(ContentMismatch):
        await bench.fetcher.verify(OURS, lambda: places)
    assert await bench.read(OURS, places, 0, 9 * MIB) == CONTENT
    await bench.fetcher.verify(OURS, lambda: places)  # told once
