"""What a mount survives: servers and networks that misbehave, through a real proxy."""

import contextlib
import hashlib
import random
import threading
from collections.abc import Callable

import pytest

from tests.remotes.conftest import OpenS3
from vfs.errors import (
    AccessDenied,
    ObjectChanged,
    ObjectMissing,
    RemoteError,
    RemoteUnavailable,
    VfsError,
)
from vfs.remotes import Remote, RemoteSpec, Statistics, open_remote, read_body
from vfs.remotes.backoff import Backoff
from vfs.remotes.s3 import S3Remote
from vfs.testing import faulty_proxy as faults
from vfs.testing.faulty_proxy import Fault, FaultyProxy
from vfs.testing.s3_servers import S3Server

DATA = random.Random(2).randbytes(3_000_000)
QUICK = Backoff(attempts=4, base=0.001, cap=0.002)


@pytest.fixture
def statistics() -> Statistics:
    return Statistics()


@pytest.fixture
def bucket(ministack: S3Server, open_s3: OpenS3) -> str:
    """A bucket with DATA at pre/fix/k."""
    name = ministack.new_bucket()
    open_s3(ministack, bucket=name).put("k", DATA)
    return name


@pytest.fixture
def remote(
    proxy: FaultyProxy, ministack: S3Server, bucket: str, open_s3: OpenS3, statistics: Statistics
) -> Remote:
    """The bucket seen through the proxy."""
    return open_s3(
        ministack,
        bucket=bucket,
        backoff=QUICK,
        statistics=statistics,
        timeout=1.0,
        endpointurl=proxy.endpoint,
    )


def read(remote: Remote, start: int = 0, length: int | None = None, etag: str = "") -> bytes:
    with remote.get("k", start, length, etag=etag) as body:
        return bytes(read_body(body, len(DATA) + 1))


PASSING: dict[str, Fault] = {
    "503": faults.status(503, body=b"<Error><Code>SlowDown</Code></Error>"),
    "500": faults.status(500),
    "429 retry-after 0": faults.status(429, ("Retry-After", "0")),
    "408": faults.status(408),
    "request timeout": faults.status(400, body=b"<Error><Code>RequestTimeout</Code></Error>"),
    "hangup": faults.hangup(),
    "garbage": faults.garbage(),
    "endless header": faults.garbage(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000),
    "reset at once": faults.reset(0),
    "reset midway": faults.reset(700_000),
    "truncated at once": faults.truncate(0),
    "truncated midway": faults.truncate(999_999),
    "stalled": faults.stall(123_456),
    "206 without range": faults.set_header("Content-Range", None),
    "wrong range": faults.set_header("Content-Range", "bytes 5-2999999/3000000"),
    "absurd range": faults.set_header("Content-Range", "bytes 9-3/2"),
    "range of another size": faults.set_header("Content-Range", "bytes 1000-1999/3000000"),
    "multipart range": faults.set_header("Content-Range", "bytes */3000000"),
}


@pytest.mark.parametrize("name", PASSING)
def test_passing_fault_is_survived(
    proxy: FaultyProxy, remote: Remote, statistics: Statistics, name: str
) -> None:
    proxy.plan(PASSING[name])
    assert read(remote, 1000, 2_500_000) == DATA[1000:2_501_000]
    numbers = statistics.snapshot()
    assert numbers.requests == 2
    assert numbers.errors == {"remote-unavailable": 1}


def test_a_resumed_body_asks_only_for_the_rest_of_the_same_object(
    proxy: FaultyProxy, remote: Remote
) -> None:
    proxy.plan(faults.reset(1_000_000), faults.truncate(500_000))
    assert read(remote, 10) == DATA[10:]
    gets = [request.headers for request in proxy.requests if request.method == "GET"]
    starts = [int(headers["Range"].removeprefix("bytes=").split("-")[0]) for headers in gets]
    assert len(starts) == 3
    assert starts[0] == 10
    assert starts[0] <= starts[1] <= 1_000_010  # a reset may eat what was not read yet
    assert starts[1] < starts[2] <= starts[1] + 500_000
    etag = f'"{hashlib.md5(DATA).hexdigest()}"'
    assert [headers.get("If-Match") for headers in gets] == [None, etag, etag]


@pytest.mark.parametrize("range_", [(0, None), (0, 10), (7, 100_000), (2_999_999, 50), (5, None)])
def test_server_that_ignores_ranges(
    proxy: FaultyProxy, remote: Remote, range_: tuple[int, int | None]
) -> None:
    proxy.always(faults.whole(DATA))
    start, length = range_
    expected = DATA[start:] if length is None else DATA[start : start + length]
    assert read(remote, start, length) == expected


def test_server_that_sends_a_range_with_status_200(proxy: FaultyProxy, remote: Remote) -> None:
    """As `rclone serve s3` does."""
    proxy.always(faults.wrong_status(200))
    assert read(remote, 1000, 5000) == DATA[1000:6000]
    assert [request.method for request in proxy.requests] == ["GET"]


def test_part_of_an_object_that_poses_as_the_whole(proxy: FaultyProxy, remote: Remote) -> None:
    """200, no Content-Range, and a body that is only the range: its place cannot be proved."""
    proxy.always(
        lambda request, upstream: faults.wrong_status(200)(
            request, lambda: upstream().header("Content-Range", None)
        )
    )
    with pytest.raises(RemoteUnavailable, match="does not say which"):
        read(remote, 1000, 5000)


def test_a_longer_answer_than_asked_for_is_cut(proxy: FaultyProxy, remote: Remote) -> None:
    proxy.always(
        faults.status(206, ("Content-Range", "bytes 100-999/3000000"), body=DATA[100:1000])
    )
    assert read(remote, 100, 50) == DATA[100:150]


def test_a_shorter_range_than_asked_for_is_completed(proxy: FaultyProxy, remote: Remote) -> None:
    proxy.plan(faults.status(206, ("Content-Range", "bytes 100-149/3000000"), body=DATA[100:150]))
    assert read(remote, 100, 500) == DATA[100:600]


def test_object_replaced_between_two_connections(
    proxy: FaultyProxy, ministack: S3Server, bucket: str, open_s3: OpenS3
) -> None:
    """Never a mixture of two objects: If-Match fails, and the reader is told."""
    direct = open_s3(ministack, bucket=bucket)
    # It waits as long as the other writes: a second request would have the old object meanwhile.
    remote = open_s3(ministack, bucket=bucket, backoff=QUICK, endpointurl=proxy.endpoint)
    proxy.plan(faults.reset(1_000_000), faults.do_first(lambda: direct.put("k", DATA[::-1])))
    got = b""
    with contextlib.suppress(ObjectChanged):
        got = read(remote)
    # A reset may take with it what was not read yet, the head of the answer too: then nothing was begun.
    assert got in (b"", DATA[::-1])


def test_server_that_ignores_if_match(proxy: FaultyProxy, remote: Remote) -> None:
    proxy.plan(faults.reset(500_000), faults.set_header("ETag", '"another"'))
    with pytest.raises(ObjectChanged):
        read(remote)


def test_server_that_ignores_the_version(proxy: FaultyProxy, remote: Remote) -> None:
    proxy.always(
        faults.status(200, ("x-amz-version-id", "other"), ("Content-Length", "4"), body=b"oops")
    )
    with pytest.raises(ObjectMissing, match="version"):
        remote.get("k", version="wanted")


def test_dripping_server_is_left(proxy: FaultyProxy, remote: Remote) -> None:
    """A byte now and then is no progress, although no socket ever times out."""
    proxy.plan(faults.drip(0.05))
    assert read(remote) == DATA
    assert len(proxy.requests) == 2


def test_wrong_bytes_pass_but_are_the_only_ones(proxy: FaultyProxy, remote: Remote) -> None:
    """A remote cannot know digests; whoever fetches compares, and asks again."""
    proxy.plan(faults.corrupt(77))
    got = read(remote)
    assert got != DATA
    assert len(got) == len(DATA)
    assert read(remote) == DATA


def test_giving_up_names_everything(proxy: FaultyProxy, remote: Remote) -> None:
    proxy.always(faults.status(503, body=b"<Error><Code>SlowDown</Code></Error>"))
    with pytest.raises(RemoteUnavailable) as caught:
        read(remote)
    text = str(caught.value)
    assert all(part in text for part in (remote.url, "k", "4 attempts", "SlowDown"))
    assert len(proxy.requests) == 4


def test_a_stream_that_gets_nowhere_ends(proxy: FaultyProxy, remote: Remote) -> None:
    proxy.always(faults.truncate(10))
    with pytest.raises(RemoteUnavailable, match="4 attempts"):
        read(remote)
    assert len(proxy.requests) == 4


FINAL: list[tuple[Fault, type[VfsError]]] = [
    (faults.status(404), ObjectMissing),
    (faults.status(404, body=b"<Error><Code>NoSuchBucket</Code></Error>"), RemoteError),
    (faults.status(403), AccessDenied),
    (faults.status(403, body=b"<Error><Code>SignatureDoesNotMatch</Code></Error>"), AccessDenied),
    (faults.status(400, body=b"<Error><Code>ExpiredToken</Code></Error>"), AccessDenied),
    (faults.status(405), ObjectMissing),
    (faults.status(301, ("Location", "http://127.0.0.1:9/steal")), RemoteError),
    (faults.status(307, ("Location", "http://127.0.0.1:9/steal")), RemoteError),
    (faults.status(400, body=b"<Error><Code>Weird</Code></Error>"), RemoteError),
]


@pytest.mark.parametrize(("fault", "error"), FINAL)
def test_final_answer_is_not_repeated(
    proxy: FaultyProxy, remote: Remote, fault: Fault, error: type[VfsError]
) -> None:
    proxy.always(fault)
    with pytest.raises(VfsError) as caught:
        read(remote)
    assert type(caught.value) is error
    assert len(proxy.requests) == 1  # and a redirect was not followed


def test_put_survives_and_is_sent_whole(
    proxy: FaultyProxy, remote: Remote, ministack: S3Server, bucket: str, open_s3: OpenS3
) -> None:
    proxy.plan(faults.status(503), faults.hangup(), method="PUT")
    assert remote.put("new", DATA) is True
    assert open_s3(ministack, bucket=bucket).head("new").size == len(DATA)
    assert [request.method for request in proxy.requests] == ["PUT"] * 3


def test_server_without_conditional_put(proxy: FaultyProxy, remote: Remote) -> None:
    """501 to `If-None-Match` (Swift): a check, then a plain put."""
    unknown = faults.status(501, body=b"<Error><Code>NotImplemented</Code></Error>")
    proxy.plan(unknown, method="PUT")
    assert remote.put("k", b"new", if_absent=True) is False
    assert read(remote) == DATA
    proxy.plan(unknown, method="PUT")
    assert remote.put("fresh", b"new", if_absent=True) is True
    with remote.get("fresh") as body:
        assert read_body(body, 10) == b"new"


def test_server_without_bulk_delete(proxy: FaultyProxy, remote: Remote) -> None:
    proxy.always(faults.status(400, body=b"<Error><Code>InvalidRequest</Code></Error>"), "POST")
    remote.put("a", b"1")
    remote.delete(["a", "missing"])
    assert [info.key for info in remote.list()] == ["k"]


LISTINGS: dict[str, bytes] = {
    "cut": b"<ListBucketResult><IsTruncated>tr",
    "not xml": b"<html><p>Gateway",
    "an entity bomb": b'<!DOCTYPE x [<!ENTITY a "aaa">]><ListBucketResult>&a;</ListBucketResult>',
    "no token": b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
    "negative size": b"<ListBucketResult><Contents><Key>pre/fix/x</Key><Size>-1</Size></Contents>"
    b"</ListBucketResult>",
}


@pytest.mark.parametrize("name", LISTINGS)
def test_bad_listing_is_asked_for_again(proxy: FaultyProxy, remote: Remote, name: str) -> None:
    proxy.plan(faults.status(200, body=LISTINGS[name]), faults.truncate(40))
    assert [info.key for info in remote.list()] == ["k"]
    assert len(proxy.requests) == 3


def test_listing_that_breaks_goes_on_where_it_was(
    proxy: FaultyProxy, remote: Remote, ministack: S3Server, bucket: str
) -> None:
    client = ministack.client()
    for number in range(1005):
        client.put_object(Bucket=bucket, Key=f"pre/fix/n/{number:04d}", Body=b"")
    proxy.plan(faults.set_header("X", "y"), faults.status(503), faults.hangup())
    keys = [info.key for info in remote.list("n/")]
    assert keys == [f"n/{number:04d}" for number in range(1005)]
    first, *others = [request.target for request in proxy.requests]
    assert "continuation-token" not in first
    assert len(others) == 3
    assert len({target for target in others if "continuation-token" in target}) == 1


def test_listing_with_names_that_are_no_keys(proxy: FaultyProxy, remote: Remote) -> None:
    names = ("pre/fix/", "pre/fix/a/../../../etc/passwd", "pre/fix//x", "elsewhere/k", "pre/fix/ok")
    contents = "".join(f"<Contents><Key>{n}</Key><Size>1</Size></Contents>" for n in names)
    page = f"<ListBucketResult>{contents}</ListBucketResult>".encode()
    proxy.plan(faults.status(200, body=page))
    assert [info.key for info in remote.list()] == ["ok"]


def test_endless_listing_ends(proxy: FaultyProxy, remote: Remote) -> None:
    page = (
        b"<ListBucketResult><IsTruncated>true</IsTruncated>"
        b"<NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
    )
    proxy.always(faults.status(200, body=page))
    with pytest.raises(RemoteError, match="does not advance"):
        list(remote.list())


def in_thread(work: Callable[[], object]) -> "tuple[threading.Thread, list[BaseException]]":
    caught: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, caught


@pytest.mark.parametrize("closer", ["body", "remote"])
def test_close_wakes_a_waiting_reader(
    proxy: FaultyProxy, ministack: S3Server, bucket: str, open_s3: OpenS3, closer: str
) -> None:
    remote = open_s3(ministack, bucket=bucket, timeout=60.0, endpointurl=proxy.endpoint)
    proxy.plan(faults.stall(1000))
    body = remote.get("k")
    buffer = memoryview(bytearray(len(DATA)))
    got = 0
    while got < 1000:
        got += body.readinto(buffer[got:1000])
    thread, caught = in_thread(lambda: body.readinto(buffer[got:]))
    (body if closer == "body" else remote).close()
    thread.join(10)
    assert not thread.is_alive()
    assert [type(error) for error in caught] == [RemoteUnavailable]


def test_close_ends_the_wait_between_attempts(
    proxy: FaultyProxy, ministack: S3Server, bucket: str, open_s3: OpenS3
) -> None:
    slow = Backoff(attempts=3, base=1000.0, cap=1000.0)
    remote = open_s3(ministack, bucket=bucket, backoff=slow, endpointurl=proxy.endpoint)
    refused = threading.Event()
    proxy.always(faults.do_first(refused.set, faults.status(503, ("Retry-After", "50"))))
    thread, caught = in_thread(lambda: remote.get("k"))
    assert refused.wait(10)
    remote.close()
    thread.join(10)
    assert not thread.is_alive()
    assert [type(error) for error in caught] == [RemoteUnavailable]


def test_nobody_listens(open_s3: OpenS3) -> None:
    with FaultyProxy() as gone:
        endpoint = gone.endpoint
    spec = RemoteSpec(
        "off",
        "s3://bucket/x",
        {"endpointurl": endpoint, "access_key_id": "a", "secret_access_key": "SECRET-b"},
    )
    remote = open_remote(spec, backoff=QUICK)
    for call in (
        lambda: remote.get("k"),
        lambda: remote.put("k", b""),
        lambda: list(remote.list()),
    ):
        with pytest.raises(RemoteUnavailable) as caught:
            call()
        assert "SECRET" not in str(caught.value)
    remote.close()


def test_connection_that_died_while_idle_costs_no_attempt(
    proxy: FaultyProxy, ministack: S3Server, bucket: str
) -> None:
    """Servers drop idle connections; the driver (without the retry wrapper) does not even notice."""
    options = {**ministack.options, "endpointurl": proxy.endpoint}
    remote = S3Remote(RemoteSpec("test", f"s3://{bucket}/pre/fix", options))
    assert read(remote, 0, 10) == DATA[:10]
    proxy.plan(faults.hangup())
    assert read(remote, 10, 10) == DATA[10:20]
    assert len(proxy.requests) == 3
    remote.close()
    with pytest.raises(RemoteUnavailable):
        remote.get("k")
