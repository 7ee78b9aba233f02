"""What only plain HTTP and WebDAV have: redirects, methods, tokens, collections."""

import base64
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.remotes.conftest import OpenWeb
from vfs.errors import AccessDenied, ObjectMissing, RemoteError
from vfs.remotes import Remote, RemoteSpec, open_remote, read_body
from vfs.testing import faulty_proxy as faults
from vfs.testing.faulty_proxy import FaultyProxy
from vfs.testing.git_servers import PASSWORD, USER
from vfs.testing.web_servers import StoreServer

LOGIN = {"auth": "basic", "user": USER, "password": PASSWORD}
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture
def elsewhere() -> Iterator[FaultyProxy]:
    """A server of its own that answers everything with `data`."""
    with FaultyProxy() as server:
        server.always(faults.status(200, body=b"data"))
        yield server


@pytest.fixture
def front() -> Iterator[FaultyProxy]:
    """The configured server."""
    with FaultyProxy() as server:
        yield server


def plain(server: FaultyProxy, **options: str) -> Remote:
    return open_remote(RemoteSpec("test", f"{server.endpoint}/base", options))


def test_a_server_that_moved(put_server: StoreServer, open_web: OpenWeb) -> None:
    with closing(open_web(put_server, "http", "store", method="PUT")) as direct:
        direct.put("a/k", b"content")
    moved = open_remote(RemoteSpec("test", put_server.url("http", "moved/store")))
    with closing(moved), moved.get("a/k", 3, 2) as body:
        assert read_body(body, 2) == b"te"


def test_one_that_nobody_holds_can_be_closed_and_not_before(
    put_server: StoreServer, open_web: OpenWeb
) -> None:
    with closing(open_web(put_server, "http", "store", method="PUT")) as direct:
        direct.put("k", bytes(1 << 20))
    told: list[Callable[[], None]] = []
    spec = RemoteSpec("test", put_server.url("http", "store"))
    remote = open_remote(spec, unused=told.append)
    body = remote.get("k")
    del remote
    assert not told, "a body of it is being read"
    assert len(read_body(body, 1 << 20)) == 1 << 20
    del body
    (close,) = told
    close()


def test_credentials_stay_with_the_configured_server(
    front: FaultyProxy, elsewhere: FaultyProxy
) -> None:
    front.always(faults.status(302, ("Location", f"{elsewhere.endpoint}/x")))
    with closing(plain(front, **LOGIN)) as remote, remote.get("k") as body:
        assert read_body(body, 4) == b"data"
    assert front.requests[0].headers["Authorization"] == BASIC
    assert "Authorization" not in elsewhere.requests[0].headers


@pytest.mark.parametrize("location", ["/base/k", "ftp://host/x", "http://", "", "//[::1"])
def test_redirects_that_lead_nowhere(front: FaultyProxy, location: str) -> None:
    front.always(faults.status(302, ("Location", location)))
    with closing(plain(front)) as remote, pytest.raises(RemoteError):
        remote.get("k")
    assert len(front.requests) <= 5


def test_a_server_without_head(front: FaultyProxy) -> None:
    front.always(faults.status(405), "HEAD")
    front.always(faults.status(200, body=b"data"))
    with closing(plain(front)) as remote:
        assert remote.head("k").size == 4


def test_a_redirect_to_a_directory(front: FaultyProxy) -> None:
    front.always(faults.status(301, ("Location", f"{front.endpoint}/base/k/")))
    with closing(plain(front)) as remote, pytest.raises(ObjectMissing):
        remote.get("k")


@pytest.mark.parametrize(("option", "sent"), [("", "POST"), ("put", "PUT"), ("PATCH", "PATCH")])
def test_the_method_of_uploads(front: FaultyProxy, option: str, sent: str) -> None:
    front.always(faults.status(201), sent)
    with closing(plain(front, method=option)) as remote:
        assert remote.put("a b/k", b"content") is True
    (request,) = front.requests
    assert (request.method, request.target, request.body) == (sent, "/base/a%20b/k", b"content")


def test_a_header_of_ones_own(front: FaultyProxy) -> None:
    front.always(faults.status(200, body=b"data"))
    options = {"auth": "custom", "custom_auth_header": "X-Key", "password": "SECRET"}
    with closing(plain(front, **options)) as remote:
        remote.get("k").close()
    assert front.requests[0].headers["X-Key"] == "SECRET"


def test_a_token_of_a_command_is_renewed(front: FaultyProxy, tmp_path: Path) -> None:
    front.plan(faults.status(401), faults.status(200, body=b"data"))
    count = tmp_path / "count"
    command = f"sh -c 'echo x >> {count}; wc -l < {count}'"
    url = front.endpoint.replace("http", "webdav")
    remote = open_remote(RemoteSpec("test", url, {"bearer_token_command": command}))
    with closing(remote), remote.get("k") as body:
        assert read_body(body, 4) == b"data"
    assert [r.headers["Authorization"] for r in front.requests] == ["Bearer 1", "Bearer 2"]


@pytest.mark.parametrize("command", ["false", "/no/such/program", "'"])
def test_a_command_that_fails(front: FaultyProxy, command: str) -> None:
    url = front.endpoint.replace("http", "webdav")
    remote = open_remote(RemoteSpec("test", url, {"bearer_token_command": command}))
    with closing(remote), pytest.raises(AccessDenied) as caught:
        remote.get("k")
    assert caught.value.hint
    assert front.requests == []


def test_a_collection_is_never_deleted(webdav_server: StoreServer, open_web: OpenWeb) -> None:
    with closing(open_web(webdav_server, "webdav")) as remote:
        remote.put("a/b/c", b"1")
        remote.delete(["a", "a/b", "nothing"])
        assert [info.key for info in remote.list()] == ["a/b/c"]
