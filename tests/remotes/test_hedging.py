"""A connection that stalls costs a second request, and a link that is slow as a whole costs nothing more than it must."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import NamedTuple

import pytest

from tests.remotes.conftest import OpenSsh
from vfs.core.hedging import RESERVE, WARM_UP
from vfs.errors import RemoteUnavailable
from vfs.remotes import Remote, RemoteSpec, Statistics, open_remote, read_body
from vfs.remotes.cancel import CURRENT, Cancel
from vfs.testing.faulty_proxy import Answer, Fault, FaultyProxy, Request, Upstream, drip, stall
from vfs.testing.git_servers import SshServer
from vfs.testing.mounts import wait_until
from vfs.testing.s3_servers import S3Server
from vfs.testing.web_servers import StoreServer

SMALL = random.Random(1).randbytes(20_000)
LARGE = random.Random(2).randbytes(3 << 20)


class Place(NamedTuple):
    """A remote behind a proxy; SMALL is at `s`, LARGE at `l`."""

    remote: Remote
    proxy: FaultyProxy
    statistics: Statistics

    def read(self, key: str) -> bytes:
        with self.remote.get(key, 0, len(LARGE)) as body:
            return bytes(read_body(body, len(LARGE)))

    def warm(self, key: str) -> None:
        """Let it learn what is usual."""
        for _ in range(WARM_UP + 5):
            self.read(key)


Opened = Callable[..., Place]


@pytest.fixture
def opened(put_server: StoreServer) -> Iterator[Opened]:
    directory = put_server.new_directory("hedged")
    (directory / "s").write_bytes(SMALL)
    (directory / "l").write_bytes(LARGE)
    with ExitStack() as stack:

        def open_it(hedge: int = 20) -> Place:
            proxy = stack.enter_context(FaultyProxy(put_server.port))
            statistics = Statistics()
            spec = RemoteSpec("test", f"http://127.0.0.1:{proxy.port}/hedged")
            remote = open_remote(spec, timeout=20.0, statistics=statistics, hedge=hedge)
            return Place(stack.enter_context(closing(remote)), proxy, statistics)

        yield open_it


def silent(proxy: FaultyProxy) -> Fault:
    """No answer at all, until the client leaves or the proxy ends."""

    def fault(request: Request, upstream: Upstream) -> Answer:
        proxy._stopping.wait()
        return Answer(0, raw=b"")

    return fault


def later(seconds: float) -> Fault:
    """The right answer, after a while."""

    def fault(request: Request, upstream: Upstream) -> Answer:
        threading.Event().wait(seconds)
        return upstream()

    return fault


def test_an_answer_that_does_not_begin(opened: Opened) -> None:
    place = opened()
    place.warm("s")
    place.proxy.plan(silent(place.proxy))
    started = time.monotonic()
    assert place.read("s") == SMALL
    assert time.monotonic() - started < 5
    said = place.statistics.snapshot()
    assert (said.hedges, said.hedges_won) == (1, 1)
    assert said.errors == {}
    assert place.statistics.pending == 0


def test_a_head_that_does_not_come(opened: Opened) -> None:
    place = opened()
    for _ in range(WARM_UP + 5):
        place.remote.head("s")
    place.proxy.plan(silent(place.proxy), method="HEAD")
    assert place.remote.head("s").size == len(SMALL)
    assert place.statistics.snapshot().hedges_won == 1


@pytest.mark.parametrize("after", [0, 1, 700_000, len(LARGE) - 1])
def test_a_body_that_stops(opened: Opened, after: int) -> None:
    place = opened()
    place.warm("l")
    before = place.statistics.snapshot()
    place.proxy.plan(stall(after))
    assert place.read("l") == LARGE
    said = place.statistics.snapshot()
    assert said.hedges_won >= 1
    assert said.received - before.received == len(LARGE) + said.wasted


def test_a_body_that_drips(opened: Opened) -> None:
    place = opened()
    place.warm("l")
    before = place.statistics.snapshot()
    place.proxy.plan(drip(0.02))
    assert place.read("l") == LARGE
    said = place.statistics.snapshot()
    assert said.hedges_won >= 1
    assert said.received - before.received == len(LARGE) + said.wasted


def test_the_second_request_goes_over_another_connection(opened: Opened) -> None:
    """All idle connections may hang: a router has forgotten them."""
    place = opened()
    place.warm("s")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(place.read, ["s"] * 8))  # some are idle now
    place.proxy.plan(silent(place.proxy))
    threads = len(place.proxy._threads)
    assert place.read("s") == SMALL
    assert len(place.proxy._threads) > threads


def test_without_it_nothing_is_sent_twice(opened: Opened) -> None:
    place = opened(hedge=0)
    place.warm("s")
    place.proxy.plan(later(1.0))
    requests = len(place.proxy.requests)
    assert place.read("s") == SMALL
    assert len(place.proxy.requests) == requests + 1


def test_when_everything_stalls_requests_do_not_multiply(opened: Opened) -> None:
    place = opened(hedge=5)
    for _ in range(4):
        place.warm("s")
    asked = len(place.proxy.requests)
    place.proxy.always(silent(place.proxy))
    threads = [threading.Thread(target=_read_in_vain, args=(place,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(place.proxy.requests) >= asked + 16, "sixteen requests")
    threading.Event().wait(1.0)  # many looks of the alarms: nothing happens
    assert len(place.proxy.requests) - asked <= 16 + RESERVE
    assert place.statistics.snapshot().hedges <= RESERVE
    place.remote.close()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    wait_until(lambda: "vfs-hedged" not in {one.name for one in threading.enumerate()}, "their end")


def _read_in_vain(place: Place) -> None:
    with pytest.raises(RemoteUnavailable):
        place.read("s")


def test_a_link_that_becomes_slow_is_not_asked_twice_for_long(opened: Opened) -> None:
    place = opened(hedge=5)
    for _ in range(4):
        place.warm("s")
    place.proxy.always(later(0.2))
    requests = len(place.proxy.requests)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(place.read, ["s"] * 200)) == {SMALL}
    assert len(place.proxy.requests) - requests <= 200 * 1.05 + RESERVE + 1
    before = place.statistics.snapshot().hedges
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(place.read, ["s"] * 40))
    assert place.statistics.snapshot().hedges - before <= 4


def test_the_slowest_reads_stay_near_the_usual_ones(opened: Opened) -> None:
    """Two in a hundred GETs stall for good; so do second ones."""
    place = opened(hedge=5)
    chance, counted = random.Random(7), [0]
    stalls = silent(place.proxy)

    def sometimes(request: Request, upstream: Upstream) -> Answer:
        counted[0] += 1
        if counted[0] > 60 and chance.random() < 0.02:
            return stalls(request, upstream)
        return upstream()

    def timed(_: int) -> float:
        started = time.monotonic()
        assert place.read("s") == SMALL
        return time.monotonic() - started

    place.proxy.always(sometimes)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(timed, range(60)))
        times = sorted(pool.map(timed, range(500)))
    said = place.statistics.snapshot()
    assert said.hedges_won >= 3
    assert times[int(len(times) * 0.99)] < 2.0
    assert said.received == 560 * len(SMALL) + said.wasted
    assert place.statistics.pending == 0


@pytest.mark.parametrize("how", ["silent", "stops", "drips"])
def test_a_page_of_a_listing_that_does_not_come(ministack: S3Server, how: str) -> None:
    bucket, keys = ministack.new_bucket(), ["a", "b", "c"]
    for key in keys:
        ministack.client().put_object(Bucket=bucket, Key=key, Body=b"")
    statistics = Statistics()
    with FaultyProxy(ministack.port) as proxy:
        options = {**ministack.options, "endpointurl": proxy.endpoint}
        spec = RemoteSpec("test", f"s3://{bucket}", options)
        with closing(open_remote(spec, timeout=20.0, statistics=statistics, hedge=20)) as remote:
            for _ in range(WARM_UP + 5):
                list(remote.list())
            pages, asked = statistics.snapshot().requests, len(proxy.requests)
            proxy.plan({"silent": silent(proxy), "stops": stall(100), "drips": drip(0.02)}[how])
            started = time.monotonic()
            assert [info.key for info in remote.list()] == keys
            assert time.monotonic() - started < 5
            said = statistics.snapshot()
            assert (said.hedges, said.hedges_won) == (1, 1)
            assert said.requests - pages == len(proxy.requests) - asked == 2
            assert said.errors == {}
            assert statistics.pending == 0


def test_over_ssh_too(ssh_server: SshServer, open_ssh: OpenSsh) -> None:
    remote = open_ssh()
    remote.put("s", SMALL)
    token = CURRENT.set(Cancel(fresh=True))
    try:
        with remote.get("s") as body:
            assert bytes(read_body(body, len(SMALL))) == SMALL
    finally:
        CURRENT.reset(token)
    with remote.get("s") as body:
        assert bytes(read_body(body, len(SMALL))) == SMALL
