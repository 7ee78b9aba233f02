"""What every driver survives: servers and networks that misbehave, between it and a real server."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import cache
from typing import NamedTuple

import pytest

from tests.remotes.conftest import OpenSsh
from vfs.errors import AccessDenied, ObjectChanged, RemoteUnavailable
from vfs.remotes import Remote, RemoteSpec, Statistics, open_remote, read_body
from vfs.remotes.backoff import Backoff
from vfs.testing import faulty_proxy as faults
from vfs.testing.cloud_servers import CloudServer
from vfs.testing.faulty_proxy import Fault, FaultyProxy
from vfs.testing.git_servers import SshServer
from vfs.testing.tcp_relay import TcpRelay

DATA = random.Random(4).randbytes(3_000_000)
QUICK = Backoff(attempts=4, base=0.001, cap=0.002)
STORES = ["http", "webdav", "gs", pytest.param("azure", marks=pytest.mark.azure)]


class Place(NamedTuple):
    """A remote behind a proxy, and the same place without it; DATA is at `k`."""

    remote: Remote
    direct: Remote
    proxy: FaultyProxy
    upload: str
    statistics: Statistics


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    store: str = request.param
    upload = "POST" if store == "gs" else "PUT"
    with ExitStack() as stack:

        def opened(url: str, options: object, statistics: Statistics | None = None) -> Remote:
            spec = RemoteSpec("test", url, options)  # type: ignore[arg-type]
            remote = open_remote(spec, backoff=QUICK, timeout=1.0, statistics=statistics)
            return stack.enter_context(closing(remote))

        statistics = Statistics()
        if store in ("gs", "azure"):
            cloud: CloudServer = request.getfixturevalue("gcs" if store == "gs" else "azurite")
            proxy = stack.enter_context(FaultyProxy(cloud.port))
            url = f"{store}://{cloud.new_bucket()}/pre/fix"
            direct = opened(url, cloud.options())
            remote = opened(url, cloud.options(port=proxy.port), statistics)
        else:
            server = request.getfixturevalue("put_server" if store == "http" else "webdav_server")
            server.new_directory("faults")
            proxy = stack.enter_context(FaultyProxy(server.port))
            direct = opened(server.url(store, "faults"), {"method": "PUT"})
            remote = opened(
                f"{store}://127.0.0.1:{proxy.port}/faults", {"method": "PUT"}, statistics
            )
        direct.put("k", DATA)
        yield Place(remote, direct, proxy, upload, statistics)


def read(remote: Remote, start: int = 0, length: int | None = None) -> bytes:
    with remote.get("k", start, length) as body:
        return bytes(read_body(body, len(DATA) + 1))


PASSING: dict[str, Fault] = {
    "503": faults.status(503),
    "500": faults.status(500),
    "429": faults.status(429, ("Retry-After", "0")),
    "408": faults.status(408),
    "hangup": faults.hangup(),
    "garbage": faults.garbage(),
    "reset at once": faults.reset(0),
    "reset midway": faults.reset(700_000),
    "truncated midway": faults.truncate(999_999),
    "stalled": faults.stall(123_456),
    "206 without range": faults.set_header("Content-Range", None),
    "wrong range": faults.set_header("Content-Range", "bytes 5-2999999/3000000"),
}


@pytest.mark.parametrize("name", PASSING)
def test_passing_fault_is_survived(place: Place, name: str) -> None:
    place.proxy.plan(PASSING[name])
    assert read(place.remote, 1000, 2_500_000) == DATA[1000:2_501_000]
    numbers = place.statistics.snapshot()
    assert numbers.requests == 2
    assert numbers.errors == {"remote-unavailable": 1}


def test_a_range_that_is_ignored(place: Place) -> None:
    place.proxy.plan(faults.whole(DATA))
    assert read(place.remote, 1000, 5000) == DATA[1000:6000]


def test_a_validator_as_dvc_records_it(place: Place) -> None:
    """With its quotes, in the pointer of an import from HTTP."""
    etag = place.remote.head("k").etag
    with place.remote.get("k", 5, 5, etag=f'"{etag}"') as body:
        assert read_body(body, 5) == DATA[5:10]
    with pytest.raises(ObjectChanged):
        place.remote.get("k", 5, 5, etag='"another"')


def test_object_replaced_between_two_connections(place: Place) -> None:
    written = cache(lambda: place.direct.put("k", DATA[:-1]))
    place.proxy.plan(faults.reset(1_000_000))
    place.proxy.always(faults.do_first(written))  # however often it asks before that is done
    with pytest.raises(ObjectChanged):
        read(place.remote)


def test_put_survives_and_is_sent_whole(place: Place) -> None:
    place.proxy.plan(faults.status(503), faults.hangup(), method=place.upload)
    assert place.remote.put("new", DATA[:1_000_000]) is True
    with place.direct.get("new") as body:
        assert read_body(body, len(DATA)) == DATA[:1_000_000]


def test_giving_up_names_everything(place: Place) -> None:
    place.proxy.always(faults.status(503))
    with pytest.raises(RemoteUnavailable) as caught:
        read(place.remote)
    assert all(part in str(caught.value) for part in (place.remote.url, "k", "4 attempts"))
    assert len(place.proxy.requests) == 4


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_final(place: Place, status: int) -> None:
    place.proxy.always(faults.status(status))
    with pytest.raises(AccessDenied):
        read(place.remote)
    assert len(place.proxy.requests) == 1


def test_a_reader_that_waits_ends_when_the_body_is_closed(place: Place) -> None:
    place.proxy.plan(faults.stall(1000))
    assert ends_by_close(place.remote, lambda body: body.close())  # type: ignore[attr-defined]


def test_a_reader_that_waits_ends_when_the_remote_is_closed(place: Place) -> None:
    place.proxy.plan(faults.stall(1000))
    assert ends_by_close(place.remote, lambda _: place.remote.close())


def ends_by_close(remote: Remote, close: Callable[[object], object]) -> bool:
    """Read 1,000 bytes, then close while another thread waits for more."""
    body = remote.get("k")
    done, entered = 0, threading.Event()
    buffer = bytearray(1000)
    while done < 1000:
        done += body.readinto(memoryview(buffer)[done:])

    def wait() -> None:
        entered.set()
        body.readinto(bytearray(1000))

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        entered.wait(10)
        close(body)
        with pytest.raises(RemoteUnavailable):
            waiting.result(10)
    return True


class TestSsh:
    @pytest.fixture
    def relay(self, ssh_server: SshServer) -> Iterator[TcpRelay]:
        with TcpRelay(ssh_server.port) as relay:
            yield relay

    @pytest.fixture
    def remote(self, relay: TcpRelay, open_ssh: OpenSsh) -> Remote:
        remote = open_ssh(port=relay.port, timeout=2.0)
        remote.put("k", DATA)
        return remote

    @pytest.mark.parametrize("ending", ["reset", "stall"])
    def test_reading_goes_on(self, relay: TcpRelay, remote: Remote, ending: str) -> None:
        relay.after(1_000_000, ending)
        assert read(remote, 1000, 2_500_000) == DATA[1000:2_501_000]
        assert relay.connections == 2

    @pytest.mark.parametrize("ending", ["reset", "stall"])
    def test_put_survives(self, relay: TcpRelay, remote: Remote, ending: str) -> None:
        relay.after(1, ending)
        assert remote.put("new", DATA) is True
        assert remote.head("new").size == len(DATA)
        assert [info.key for info in remote.list()] == ["k", "new"]

    def test_object_replaced_meanwhile(self, relay: TcpRelay, remote: Remote) -> None:
        body = remote.get("k")
        assert body.readinto(bytearray(100)) == 100
        remote.put("k", DATA[:-1])
        relay.after(1, "reset")
        with pytest.raises(ObjectChanged):
            read_body(body, len(DATA))

    def test_a_reader_that_waits_ends_when_the_body_is_closed(
        self, relay: TcpRelay, remote: Remote
    ) -> None:
        body = remote.get("k")
        first = body.readinto(bytearray(len(DATA)))
        relay.after(1, "stall")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: body.readinto(bytearray(len(DATA) - first)))
            assert relay.stalled.wait(10)
            body.close()
            with pytest.raises(RemoteUnavailable):
                waiting.result(1.5)
