"""What the control socket of a mount can ask for; each handler is one verb.

Handlers run on the event loop; results are plain JSON values.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from vfs.control.server import Dialogue
from vfs.daemon.accounts import Accounts
from vfs.daemon.measures import Measures
from vfs.daemon.orders import Orders
from vfs.threads import Pool, run_in

Progress = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[[dict[str, Any], Progress], Awaitable[dict[str, Any]]]


class Verbs(Protocol):
    """What a mount can be asked (`vfs.daemon.service.Service`)."""

    orders: Orders

    def status(self) -> dict[str, Any]:
        """What it shows, and its counters."""

    def statistics(self) -> dict[str, Any]:
        """The store's figures and the snapshot's problems; blocking."""

    async def switch(self, rev: str, progress: Progress) -> dict[str, Any]:
        """Show another revision."""

    async def prefetch(self, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Fetch whole files."""

    async def ahead(self, args: dict[str, Any]) -> None:
        """Fetch what a command will probably read."""

    def handed(self) -> dict[str, Any]:
        """What was read of it, and what that took."""

    async def offline(self, wanted: bool | None) -> bool:
        """Ask no remote, or do again; None changes nothing. Whether it is offline then."""

    async def unmount(self, *, lazy: bool) -> None:
        """Unmount and end."""

    @property
    def accounts(self) -> Accounts:
        """What it did, and what that cost."""

    @property
    def measures(self) -> Measures:
        """What it measures."""


def handlers(service: Verbs) -> dict[str, Handler | Dialogue]:
    """The verbs of one mount."""

    async def status(args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        return service.status()

    async def switch(args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        return await service.switch(str(args["rev"]), progress)

    async def prefetch(args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        return await service.prefetch(args, progress)

    async def stop(args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        await service.unmount(lazy=bool(args.get("lazy")))
        return {"pid": os.getpid()}

    async def offline(args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        wanted = args.get("offline")
        return {"offline": await service.offline(None if wanted is None else bool(wanted))}

    async def statistics(args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        shown = service.status()  # on the loop: it looks at what only the loop may look at
        return shown | await run_in(Pool.CONTROL, service.statistics)

    async def ahead(args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        await service.ahead(args)
        return {}

    async def handed(args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        return service.handed()

    return {
        "status": status,
        "switch": switch,
        "prefetch": prefetch,
        "stop": stop,
        "offline": offline,
        "statistics": statistics,
        "handed": handed,
        "ahead": ahead,
        "order": Dialogue(service.orders.follow),
        **service.accounts.verbs(),
        **service.measures.verbs(),
    }
