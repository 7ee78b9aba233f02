"""Verbs of a mount: what belongs to the event loop is looked at there."""

import threading
from types import SimpleNamespace
from typing import Any, cast

from vfs.control.server import Dialogue
from vfs.daemon.handlers import Verbs, handlers


class Recorder:
    """Notes the thread of each call."""

    def __init__(self) -> None:
        self.threads: dict[str, int] = {}
        self.orders = SimpleNamespace(follow=_nobody)
        self.accounts = self.measures = SimpleNamespace(verbs=dict)

    def status(self) -> dict[str, Any]:
        self.threads["status"] = threading.get_ident()
        return {"inodes": 3}

    def statistics(self) -> dict[str, Any]:
        self.threads["statistics"] = threading.get_ident()
        return {"store": {}}


async def _nobody(told: dict[str, Any]) -> None:
    raise AssertionError(told)


async def test_counters_of_the_loop_are_read_on_it_and_what_blocks_in_a_thread() -> None:
    service = Recorder()
    handler = handlers(cast("Verbs", service))["statistics"]
    assert not isinstance(handler, Dialogue)
    found = await handler({}, _nobody)
    assert found == {"inodes": 3, "store": {}}
    assert service.threads["status"] == threading.get_ident()
    assert service.threads["statistics"] != threading.get_ident()
