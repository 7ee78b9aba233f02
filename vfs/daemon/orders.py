"""The orders in which clients will read, and who hears of what is read (`docs/concurrency.md`, "Known order").

Rule: all orders together have half of what the chunk cache may hold.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from vfs.daemon.order import Order, Wishes
from vfs.transfer import Fetcher
from vfs.workspace import Snapshot, Workspace

Progress = Callable[[dict[str, Any]], Awaitable[None]]

SHARE: Final = 2
"""Orders have one part in so many of the chunk cache."""


class Orders:
    """All orders of one mount; on the event loop only.

    Args of the constructor:
        fetcher: brings what is missing.
        workspace: finds places.
        snapshot: the one that is shown now.
    """

    def __init__(
        self, fetcher: Fetcher, workspace: Workspace, snapshot: Callable[[], Snapshot]
    ) -> None:
        self.fetcher = fetcher
        self.workspace = workspace
        self._snapshot = snapshot
        self._orders: list[Order] = []

    def __len__(self) -> int:
        return len(self._orders)

    def snapshot(self) -> Snapshot:
        """The one that is shown now."""
        return self._snapshot()

    @property
    def share(self) -> int:
        """Bytes that one order may have fetched ahead."""
        return self.workspace.settings.cache_limit // SHARE // max(1, len(self._orders))

    async def follow(
        self, args: dict[str, Any], progress: Progress, portions: AsyncIterator[dict[str, Any]]
    ) -> dict[str, Any]:
        """The verb `order`: fetch ahead until the client has gone.

        Raises:
            UsageError: the client does not keep to the rules.
        """
        async with self.following(Wishes.of(args)) as order:
            order.by_client = True
            await order.run(progress, portions)
        return order.figures()

    @asynccontextmanager
    async def following(self, wishes: Wishes) -> AsyncIterator[Order]:
        """An order that hears of what is read."""
        order = Order(self, wishes)
        self._orders.append(order)
        try:
            yield order
        finally:
            self._orders.remove(order)
            order.end()

    def touched(self, inode: int) -> bool:
        """A file is being read; whether a client has told that it would be."""
        told = False
        for order in self._orders:
            told |= order.touched(inode) and order.by_client
        return told

    def figures(self) -> list[dict[str, Any]]:
        """How each order does, for `vfs status`."""
        return [order.figures() for order in self._orders]
