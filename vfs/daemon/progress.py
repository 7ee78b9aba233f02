"""Progress of long work, from whichever thread does it to the client that waits."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import trio

from vfs.daemon.revisions import Report

SendProgress = Callable[[dict[str, Any]], Awaitable[None]]

SECONDS: Final = 0.2
"""How often a client is told."""


@asynccontextmanager
async def reporting(send: SendProgress) -> AsyncIterator[Report]:
    """A callback for any thread; what it was told last is sent to the client now and then.

    Telling costs one assignment, so the work may report as often as it likes.
    """
    latest: dict[str, Any] = {}

    def report(stage: str, done: int, total: int | None) -> None:
        nonlocal latest
        latest = {"stage": stage, "done": done, "total": total}

    async def send_often() -> None:
        sent = latest
        while True:
            if latest is not sent:
                sent = latest
                await send(sent)
            await trio.sleep(SECONDS)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_often)
        yield report
        nursery.cancel_scope.cancel()
