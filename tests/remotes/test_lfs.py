"""Git LFS objects from a real server, pushed there by the real git-lfs."""

import hashlib
import random
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from vfs.errors import AccessDenied, ObjectMissing, Unsupported
from vfs.git import GitCredentials, Repository
from vfs.remotes import Remote, open_lfs, read_body
from vfs.remotes.lfs import lfs_key
from vfs.testing import faulty_proxy as faults
from vfs.testing.faulty_proxy import FaultyProxy
from vfs.testing.lfs_server import LfsServer
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.lfs
DATA = random.Random(5).randbytes(1_000_000)
KEY = lfs_key(hashlib.sha256(DATA).hexdigest(), len(DATA))
ABSENT = lfs_key("0" * 64, 7)


@pytest.fixture
def clone(lfs_server: LfsServer, sandbox: Sandbox, request: pytest.FixtureRequest) -> Path:
    """A repository with DATA at `big.bin`, pushed to the server and no longer in its own store."""
    root = sandbox.root / "clone"
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    sandbox.git(sandbox.root, "init", "-q", "-b", "main", root)
    sandbox.git(root, "lfs", "install", "--local")
    sandbox.git(root, "config", "credential.helper", lfs_server.helper)
    sandbox.git(root, "remote", "add", "origin", lfs_server.repository_url(name))
    sandbox.git(root, "lfs", "track", "*.bin")
    (root / "big.bin").write_bytes(DATA)
    sandbox.git(root, "add", ".")
    sandbox.git(root, "commit", "-qm", "data")
    sandbox.git(root, "lfs", "push", "--object-id", "origin", KEY.partition("/")[0])
    sandbox.run(["rm", "-rf", root / ".git/lfs/objects"])
    return root


@pytest.fixture
def _home(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git's global configuration is that of the sandbox."""
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, sandbox.environ[name])


def opened(clone: Path, endpoint: str | None = None) -> Remote:
    found = endpoint or Repository.discover(clone).lfs_endpoint()
    assert found is not None
    return open_lfs(found, GitCredentials(found, clone / ".git"))


@pytest.fixture
def remote(clone: Path, _home: None) -> Iterator[Remote]:
    with closing(opened(clone)) as remote:
        yield remote


@pytest.mark.parametrize("span", [(0, None), (0, 10), (500_000, 1000), (999_999, 50), (10**7, 5)])
def test_reading(remote: Remote, span: tuple[int, int | None]) -> None:
    start, length = span
    with remote.get(KEY, start, length) as body:
        assert body.size == len(DATA)
        expected = DATA[start:] if length is None else DATA[start : start + length]
        assert read_body(body, len(DATA)) == expected


def test_missing(remote: Remote) -> None:
    for call in (remote.get, remote.head):
        with pytest.raises(ObjectMissing):
            call(ABSENT)
        with pytest.raises(ObjectMissing):
            call("no/key/of/lfs")
    found = dict(remote.heads([KEY, ABSENT]))
    assert found[ABSENT] is None
    assert found[KEY] is not None
    assert found[KEY].size == len(DATA)  # type: ignore[union-attr]


def test_it_is_only_read(remote: Remote) -> None:
    with pytest.raises(Unsupported):
        remote.put(KEY, b"x")
    with pytest.raises(Unsupported):
        remote.delete([KEY])
    with pytest.raises(Unsupported):
        list(remote.list())


@pytest.mark.usefixtures("_home")
@pytest.mark.parametrize("helper", ["", "!echo username=_jwt; echo password=SECRET; #"])
def test_without_good_credentials(clone: Path, sandbox: Sandbox, helper: str) -> None:
    sandbox.git(clone, "config", "credential.helper", helper)
    with closing(opened(clone)) as remote, pytest.raises(AccessDenied) as caught:
        remote.get(KEY)
    assert caught.value.hint
    assert "SECRET" not in str(caught.value)


@pytest.mark.usefixtures("_home")
def test_what_the_server_refuses_and_what_it_takes(clone: Path, sandbox: Sandbox) -> None:
    """Git's helpers are told, so that they forget or keep it."""
    told = sandbox.root / "told"
    good = sandbox.git(clone, "config", "credential.helper").decode()
    script = f'!f() {{ echo "$1" >> {told}; git credential-{good} "$1"; }}; f'
    sandbox.git(clone, "config", "credential.helper", script)
    with closing(opened(clone)) as remote:
        for _ in range(3):
            remote.head(KEY)
    assert told.read_text().split() == ["get", "store"]


@pytest.mark.usefixtures("_home")
def test_an_action_that_has_expired_is_asked_for_again(clone: Path, lfs_server: LfsServer) -> None:
    endpoint = Repository.discover(clone).lfs_endpoint()
    assert endpoint is not None
    with FaultyProxy(lfs_server.port) as proxy:
        through = endpoint.replace(str(lfs_server.port), str(proxy.port))
        credentials = Fixed(endpoint, clone)
        with closing(open_lfs(through, credentials)) as remote:
            remote.head(KEY)
            proxy.plan(faults.status(403))
            with remote.get(KEY, 5, 5) as body:
                assert read_body(body, 5) == DATA[5:10]
            posts = [request for request in proxy.requests if request.method == "POST"]
            assert len(posts) >= 2
            proxy.plan(faults.reset(300_000))
            with remote.get(KEY) as body:
                assert read_body(body, len(DATA)) == DATA
            proxy.always(faults.status(404, body=b'{"message": "no such repository"}'), "POST")
            with pytest.raises(ObjectMissing, match="no such repository"):
                remote.head(ABSENT)


class Fixed:
    """The credentials of another URL."""

    def __init__(self, url: str, clone: Path) -> None:
        self._inner = GitCredentials(url, clone / ".git")

    def headers(self) -> Mapping[str, str]:
        return self._inner.headers()

    def refused(self) -> bool:
        return self._inner.refused()

    def accepted(self) -> None:
        self._inner.accepted()
