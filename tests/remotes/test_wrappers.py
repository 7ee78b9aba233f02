"""Waiting and limiting, with clocks and dice of our own."""

import threading
from pathlib import Path

import pytest

from vfs.errors import ObjectChanged, RemoteUnavailable
from vfs.remotes import RemoteSpec
from vfs.remotes.backoff import Backoff
from vfs.remotes.limit import LimitRemote
from vfs.remotes.local import LocalRemote
from vfs.remotes.retry import PROGRESS, RetryRemote
from vfs.remotes.s3 import S3Remote
from vfs.testing import faulty_proxy as faults
from vfs.testing.faulty_proxy import FaultyProxy
from vfs.testing.s3_servers import S3Server


@pytest.fixture
def driver(proxy: FaultyProxy, ministack: S3Server) -> S3Remote:
    bucket = ministack.new_bucket()
    ministack.client().put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    options = {**ministack.options, "endpointurl": proxy.endpoint}
    return S3Remote(RemoteSpec("test", f"s3://{bucket}", options), timeout=20)


def test_waits_grow_and_respect_the_server(proxy: FaultyProxy, driver: S3Remote) -> None:
    waits: list[float] = []
    backoff = Backoff(attempts=6, base=0.2, cap=1.0)
    remote = RetryRemote(driver, backoff=backoff, sleep=waits.append, chance=lambda: 0.5)
    slow = faults.status(503)
    proxy.plan(slow, slow, faults.status(429, ("Retry-After", "7")), slow, slow)
    assert remote.head("k").size == 10
    assert waits == []
    remote.get("k").close()
    assert waits == pytest.approx([0.1, 0.2, 7.4, 0.5, 0.5])
    remote.close()


def test_progress_buys_attempts(proxy: FaultyProxy, ministack: S3Server) -> None:
    """A big object over a bad line arrives, though every connection breaks."""
    bucket, size = ministack.new_bucket(), 5 * PROGRESS
    data = bytes(range(256)) * (size // 256)
    ministack.client().put_object(Bucket=bucket, Key="k", Body=data)
    options = {**ministack.options, "endpointurl": proxy.endpoint}
    driver = S3Remote(RemoteSpec("test", f"s3://{bucket}", options))
    remote = RetryRemote(driver, backoff=Backoff(attempts=2), sleep=lambda _: None)
    proxy.always(faults.truncate(PROGRESS + 1000))
    got, buffer = bytearray(), bytearray(1 << 20)
    with remote.get("k") as body:
        while count := body.readinto(buffer):
            got += buffer[:count]
    assert bytes(got) == data
    assert len(proxy.requests) == 5
    remote.close()


@pytest.mark.parametrize("etag", ['a"b', "a\r\nX-Evil: 1", "é", "\0", "x" * 1000, "a b"])
def test_etag_of_a_hostile_pointer_is_not_sent(
    proxy: FaultyProxy, driver: S3Remote, etag: str
) -> None:
    with pytest.raises(ObjectChanged):
        driver.get("k", etag=etag)
    assert proxy.requests == []
    driver.close()


@pytest.mark.parametrize("etag", ['W/"weak"', '""', "\xff", None])
def test_etag_that_pins_nothing(proxy: FaultyProxy, driver: S3Remote, etag: str | None) -> None:
    proxy.always(faults.set_header("ETag", etag))
    with driver.get("k") as body:
        assert body.etag == ""
    driver.close()


def test_limit_holds_until_the_body_is_closed(tmp_path: Path) -> None:
    inner = LocalRemote(str(tmp_path))
    inner.put("k", b"data")
    remote = LimitRemote(inner, 2)
    first, second = remote.get("k"), remote.get("k")
    opened = threading.Event()

    def third() -> None:
        with remote.get("k") as body:
            opened.set()
            while body.readinto(bytearray(2)):
                pass

    thread = threading.Thread(target=third)
    thread.start()
    assert not opened.wait(0.05)
    first.close()
    first.close()  # twice is once
    assert opened.wait(10)
    thread.join(10)
    fourth = remote.get("k")

    def refused() -> None:
        with pytest.raises(RemoteUnavailable):
            remote.get("k")

    blocked = threading.Thread(target=refused)
    blocked.start()
    remote.close()
    blocked.join(10)
    assert not blocked.is_alive()
    for body in (second, fourth):
        body.close()


def test_failed_calls_give_their_slot_back(tmp_path: Path) -> None:
    remote = LimitRemote(LocalRemote(str(tmp_path)), 1)
    for _ in range(3):
        assert dict(remote.heads(["a", "b"])) == {"a": None, "b": None}
        with pytest.raises(Exception, match="no such file"):
            remote.get("missing")
    assert remote.put("k", b"") is True


def test_list_can_be_left_in_the_middle(driver: S3Remote) -> None:
    remote = RetryRemote(driver, sleep=lambda _: None)
    for _ in remote.list():
        break
    assert [info.key for info in remote.list()] == ["k"]
    remote.close()
