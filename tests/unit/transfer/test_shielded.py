"""A bug of our own in what the loop calls itself, where trio would end the process: it costs one read."""

from typing import Any

import pytest

from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of
from vfs.errors import DataUnavailable
from vfs.testing.places import FaultyPlace
from vfs.transfer.state import BlobState
from vfs.transfer.verification import Verification
from vfs.types import Blob


async def read_and_verify(bench: Bench, blob: Blob, content: bytes) -> None:
    places = [FaultyPlace(content)]
    assert await bench.read(blob, places, 0, len(content)) == content
    await bench.fetcher.verify(blob, lambda: places)


@pytest.mark.parametrize("where", ["arrive", "settle"])
async def test_a_bug_at_the_news_of_a_get_fails_that_read_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    content = content_of(9 * MIB)
    blob, other = blob_of(content), blob_of(content_of(5 * MIB, 1))
    proper = getattr(BlobState, where)

    def fails(state: BlobState, *args: Any) -> Any:
        if state.blob == blob:
            raise MemoryError
        return proper(state, *args)

    await bench.start()
    monkeypatch.setattr(BlobState, where, fails)
    with pytest.raises(DataUnavailable, match="MemoryError"):
        await read_and_verify(bench, blob, content)
    assert "this is a bug" in caplog.text
    assert await bench.read(other, [FaultyPlace(content_of(5 * MIB, 1))], 0, 10)
    await bench.quiet()
    monkeypatch.undo()
    await read_and_verify(bench, blob, content)


async def test_a_bug_at_the_result_of_a_check_fails_who_waits_for_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = content_of(9 * MIB)
    blob, places = blob_of(content), [FaultyPlace(content)]

    def fails(*_: Any) -> None:
        raise MemoryError

    await bench.start()
    assert await bench.read(blob, places, 0, 8 * MIB) == content[: 8 * MIB]
    with monkeypatch.context() as patch:
        patch.setattr(Verification, "_go_on", fails)
        with pytest.raises(DataUnavailable, match="MemoryError"):
            await bench.fetcher.verify(blob, lambda: places)
        await bench.quiet()
    await bench.fetcher.verify(blob, lambda: places)
