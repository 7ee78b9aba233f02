"""Reading large blobs beside a process that holds the index: one GET hangs with it, no reader does."""

import pytest
import trio

from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of
from vfs.errors import ContentMismatch
from vfs.testing.holders import be_impatient, held
from vfs.testing.places import FaultyPlace
from vfs.types import Blob


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    be_impatient(monkeypatch)
    monkeypatch.setattr("vfs.transfer.engine.PATIENCE", 0.2)


async def begin(bench: Bench) -> None:
    """With a segment that takes more: to make one waits for the index, but does not hang."""
    await bench.start()
    small = content_of(1000, 1)
    await bench.read(blob_of(small), [FaultyPlace(small)], 0, 1000)
    await bench.quiet()


async def _read_in_order(bench: Bench, blob: Blob, place: FaultyPlace) -> None:
    for offset in range(0, blob.size, MIB):
        await bench.read(blob, [place], offset, MIB)


@pytest.mark.parametrize("step", [MIB, 9 * MIB])
async def test_it_is_read_to_its_end(bench: Bench, step: int) -> None:
    content = content_of(9 * MIB)
    blob, place = blob_of(content), FaultyPlace(content)
    await begin(bench)
    with held(bench.store.directory / "index") as holder, trio.fail_after(30):
        for offset in range(0, len(content), step):
            got = await bench.read(blob, [place], offset, step)
            assert got == content[offset : offset + step]
        assert place.sent < 2 * len(content)
        holder.kill()
        await bench.quiet()


async def test_a_wrong_one_is_not_read_to_its_end(bench: Bench) -> None:
    content = content_of(9 * MIB)
    blob, place = blob_of(content), FaultyPlace(b"x" + content[1:])
    await begin(bench)
    with held(bench.store.directory / "index") as holder, trio.fail_after(30):
        with pytest.raises(ContentMismatch):
            await _read_in_order(bench, blob, place)
        holder.kill()
        await bench.quiet()
    assert not bench.resident(blob)


async def test_what_is_stored_in_the_end_is_compared_then(bench: Bench) -> None:
    content = content_of(9 * MIB)
    blob, place = blob_of(content), FaultyPlace(content)
    await begin(bench)
    with held(bench.store.directory / "index") as holder, trio.fail_after(30):
        assert await bench.read(blob, [place], 0, 9 * MIB) == content
        holder.kill()
        await bench.quiet()
        assert await bench.read(blob, [place], 0, 9 * MIB) == content
        await bench.quiet()
        await bench.fetcher.verify(blob, lambda: [place])
        assert bench.bad == []
