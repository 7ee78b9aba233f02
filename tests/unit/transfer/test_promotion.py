"""Who has had most of a content has the rest of it fetched ahead; nothing comes twice for that."""

import random

import pytest

from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of
from vfs.core.streams import StreamTable
from vfs.testing.places import FaultyPlace
from vfs.transfer.state import Level
from vfs.types import BLOCK_SIZE

pytestmark = pytest.mark.slow

SIZE = 30 * MIB
LAST = 8
"""Blocks that fit what may lie ahead of a reader where the store keeps nothing."""


async def test_the_rest_of_what_was_read_at_random_comes_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StreamTable, "observe", lambda *_, **__: ())  # no read-ahead but this
    content, other = content_of(SIZE), content_of(MIB, 1)
    blob, place = blob_of(content), FaultyPlace(content)
    bench.refuse_to_store()
    await bench.start(memory_limit=32 * MIB)
    await bench.read(blob_of(other), [FaultyPlace(other)], 0, MIB)  # it learns that
    order = list(range(LAST, SIZE // BLOCK_SIZE, 2)) + list(range(LAST + 1, SIZE // BLOCK_SIZE, 2))
    random.Random(1).shuffle(order)
    for block in order:
        await bench.read(blob, [place], block * BLOCK_SIZE, BLOCK_SIZE)
    state = bench.fetcher._engine.known(blob)
    assert state is not None
    assert not state.promoted
    bench.fetcher._engine.request(state, range(4), Level.AHEAD)
    await bench.quiet()
    await bench.read(blob, [place], (LAST - 1) * BLOCK_SIZE, BLOCK_SIZE)
    assert state.promoted
    await bench.quiet()
    for block in range(LAST - 1):
        await bench.read(blob, [place], block * BLOCK_SIZE, BLOCK_SIZE)
    assert place.sent == SIZE
