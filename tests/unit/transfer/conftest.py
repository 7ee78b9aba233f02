"""A fetcher that serves from scripted places, and what every test of it must leave behind."""

from collections.abc import AsyncIterator

import pytest
import trio

from tests.unit.transfer.bench import Bench


@pytest.fixture
async def bench(nursery: trio.Nursery) -> AsyncIterator[Bench]:
    bench = Bench(nursery)
    yield bench
    if bench._fetcher is not None:
        if not bench.scope.cancel_called:
            await bench.quiet()
        bench.scope.cancel()
