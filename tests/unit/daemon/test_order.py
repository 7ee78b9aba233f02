"""Known orders: what waits is what will be read yet, and no file waits for another in vain. Contents are numbers here, and bringing one takes a second."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from vfs.daemon import order as module
from vfs.daemon.order import AT_ONCE, Order, Wishes
from vfs.daemon.resolving import Item, Resolved
from vfs.store import Taken
from vfs.transfer.bringing import Missing
from vfs.types import Algorithm, Blob, Digest

Tell = Callable[[dict[str, Any]], Any]


class Remote:
    """All files come with the same parcel; whether it brings the others along is the test's decision."""

    def __init__(self, *, generous: bool) -> None:
        self.generous = generous
        self.brought: list[int] = []

    def missing(self, wanted: list[Any]) -> list[Missing]:
        return [Missing("parcel") for _ in wanted]

    def is_small_and_here(self, blob: Blob) -> bool:
        return self.generous and bool(self.brought)

    async def bring(self, blob: Blob, places: object) -> Taken:
        await trio.sleep(1)
        self.brought.append(int.from_bytes(blob.digest.value, "big"))
        return Taken.YES


@asynccontextmanager
async def following(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Order, Tell]]:
    monkeypatch.setattr(module, "resolved", numbered)
    monkeypatch.setattr(module, "run_in", at_once)  # the clock does not wait for threads
    outlooks = SimpleNamespace(come=lambda key: None, leave=lambda key, behind: None)
    orders = SimpleNamespace(
        fetcher=SimpleNamespace(bringer=remote),
        workspace=SimpleNamespace(store=SimpleNamespace(outlooks=outlooks)),
        snapshot=lambda: None,
        share=1 << 40,
    )
    order = Order(cast("Any", orders), Wishes())
    send, receive = trio.open_memory_channel[dict[str, Any]](10)

    async def say(told: dict[str, Any]) -> None:
        pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(order.run, say, receive)
        yield order, send.send
        nursery.cancel_scope.cancel()


async def at_once(_: object, function: Callable[..., object], *args: object) -> object:
    return function(*args)


def numbered(_: object, __: object, paths: list[bytes]) -> Resolved:
    return Resolved([item(int(path)) for path in paths], [])


def item(number: int) -> Item:
    return Item(Blob(Digest(Algorithm.MD5, number.to_bytes(16, "big")), 100), number, list)


def paths(*numbers: int) -> list[str]:
    return [str(number) for number in numbers]


async def test_what_waits_for_a_parcel_is_forgotten_with_its_run(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remote = Remote(generous=False)
    async with following(remote, monkeypatch) as (order, tell):
        await tell({"run": 1, "paths": paths(*range(1, 201))})
        await until(lambda: remote.brought == [1])
        await tell({"run": 2, "paths": paths(9001)})
        await until(lambda: 9001 in remote.brought)
        await trio.sleep(100)
        assert len(remote.brought) <= 2 + AT_ONCE  # what was under way
        assert order.figures()["late"] == 201 - len(remote.brought)


async def test_what_is_passed_while_it_waits_is_not_brought(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remote = Remote(generous=False)
    async with following(remote, monkeypatch) as (order, tell):
        await tell({"paths": paths(*range(1, 201))})
        await until(lambda: order.figures()["taken"] == 200)
        await tell({"at": 199})
        await trio.sleep(100)
        assert remote.brought == [1, 200]
        assert order.figures()["late"] == 198


async def test_what_did_not_come_along_is_brought_side_by_side(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remote = Remote(generous=False)
    async with following(remote, monkeypatch) as (order, tell):
        await tell({"paths": paths(*range(1, 201))})
        with trio.fail_after(1 + -(-200 // AT_ONCE) + 2):
            await until(lambda: len(remote.brought) == 200)
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(remote.brought) == list(range(1, 201))
        assert order.figures()["fetched"] == 200


async def test_what_comes_along_is_not_brought_again(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remote = Remote(generous=True)
    async with following(remote, monkeypatch) as (order, tell):
        await tell({"paths": paths(*range(1, 201))})
        await until(lambda: order.figures()["fetched"] == 200)
        assert remote.brought == [1]


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(1000):
        while not condition():  # noqa: ASYNC110 - its clock jumps
            await trio.sleep(0.1)
