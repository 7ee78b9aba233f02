"""A fetcher that serves from scripted places, and what every test of it must leave behind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.unit.transfer.bench import Bench


@pytest.fixture
async def bench(nursery: trio.Nursery, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(nursery, tmp_path)
    yield bench
    if bench._fetcher is not None:
        if not bench.scope.cancel_called:
            await bench.quiet()
        bench.scope.cancel()
        await bench.ended.wait()
    bench.store.close()
