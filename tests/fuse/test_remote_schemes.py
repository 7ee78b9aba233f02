"""A mount reads through every kind of remote, lazily, from a real server."""

import os
import random
import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from vfs.remotes import RemoteSpec, open_remote
from vfs.testing.cloud_servers import CloudServer
from vfs.testing.git_servers import PASSWORD, USER, SshServer
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.lfs_server import LfsServer
from vfs.testing.mounts import MountFactory
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox
from vfs.testing.web_servers import StoreServer
from vfs.workspace.remote_sizes import MOST_HEADS

pytestmark = pytest.mark.fuse
LARGE = random.Random(6).randbytes(9_000_000)
SMALL = LARGE[:900_000]  # Giftless knows no ranges: it sends everything each time
FILES = {f"{number % 3}/{number}.txt": b"%d" % number * 100 for number in range(30)}
Get = Callable[[str], object]
Place = tuple[str, Mapping[str, str]]


def s3(get: Get, sandbox: Sandbox) -> Place:
    server = get("ministack")
    assert isinstance(server, S3Server)
    return f"s3://{server.new_bucket()}/data", server.options


def ssh(get: Get, sandbox: Sandbox) -> Place:
    server = get("ssh_server")
    assert isinstance(server, SshServer)
    (sandbox.root / "home/.ssh").mkdir(mode=0o700)
    shutil.copy(server.config, sandbox.root / "home/.ssh/config")
    return f"ssh://127.0.0.1:{server.port}{sandbox.root}/store", {}


def http(get: Get, sandbox: Sandbox) -> Place:
    server = get("put_server")
    assert isinstance(server, StoreServer)
    server.new_directory("private")
    options = {"auth": "basic", "user": USER, "password": PASSWORD, "method": "PUT"}
    return server.url("http", "private"), options


def webdav(get: Get, sandbox: Sandbox) -> Place:
    server = get("webdav_server")
    assert isinstance(server, StoreServer)
    server.new_directory("private")
    return server.url("webdav", "private"), {"user": USER, "password": PASSWORD}


def gs(get: Get, sandbox: Sandbox) -> Place:
    server = get("gcs")
    assert isinstance(server, CloudServer)
    return f"gs://{server.new_bucket()}/data", server.options()


def azure(get: Get, sandbox: Sandbox) -> Place:
    server = get("azurite")
    assert isinstance(server, CloudServer)
    return f"azure://{server.new_bucket()}/data", server.options()


STORES = [s3, ssh, http, webdav, gs, pytest.param(azure, marks=pytest.mark.azure)]


@pytest.mark.parametrize("store", STORES)
def test_a_dvc_remote(
    store: Callable[[Get, Sandbox], Place],
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    mounts: MountFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, options = store(request.getfixturevalue, sandbox)
    monkeypatch.setenv("HOME", sandbox.environ["HOME"])
    repository = HandmadeRepository(
        sandbox, sandbox.root / "repository", remote_url=url, remote_options=options
    )
    repository.commit(files={"large.bin": LARGE}, directories={"d": FILES})
    with closing(open_remote(RemoteSpec("setup", url, options))) as remote:
        repository.upload(remote.put)
    repository.lose_remote()
    mount = mounts(repository.root)
    look(mount.path)
    assert {
        path.relative_to(mount.path / "d").as_posix(): path.read_bytes()
        for path in (mount.path / "d").rglob("*.txt")
    } == FILES


def test_sizes_where_nothing_can_be_listed(
    put_server: StoreServer, sandbox: Sandbox, mounts: MountFactory
) -> None:
    """More unknown sizes than are asked for one by one elsewhere; and doctor asks something else."""
    directory = put_server.new_directory("plain")
    url = put_server.url("http", "plain")
    repository = HandmadeRepository(sandbox, sandbox.root / "repository", remote_url=url)
    files = {f"{number}.txt": b"%d" % number * (number % 7) for number in range(MOST_HEADS + 5)}
    repository.commit(directories={"d": files})
    shutil.copytree(repository.remote, directory, dirs_exist_ok=True)
    repository.lose_remote()
    mount = mounts(repository.root)
    sizes = {path.name: path.stat().st_size for path in (mount.path / "d").iterdir()}
    assert sizes == {name: len(content) for name, content in files.items()}
    done = mount.cli("doctor", "--repo", str(repository.root), check=False)
    assert b"remote 'store' answers" in done.stdout


@pytest.mark.lfs
def test_an_lfs_server(lfs_server: LfsServer, sandbox: Sandbox, mounts: MountFactory) -> None:
    """Pushed by git-lfs; read from the clone, and from a mount by URL, which has credentials of the user's."""
    root, bare = sandbox.root / "clone", sandbox.root / "bare.git"
    sandbox.git(sandbox.root, "init", "-q", "--bare", bare)
    sandbox.git(sandbox.root, "init", "-q", "-b", "main", root)
    sandbox.git(root, "config", "--global", "credential.helper", lfs_server.helper)
    endpoint = f"{lfs_server.repository_url('mounted')}/info/lfs"
    sandbox.git(root, "config", "-f", ".lfsconfig", "lfs.url", endpoint)
    sandbox.git(root, "lfs", "install", "--local")
    sandbox.git(root, "lfs", "track", "*.bin")
    (root / "large.bin").write_bytes(SMALL)
    sandbox.git(root, "add", ".")
    sandbox.git(root, "commit", "-qm", "data")
    sandbox.git(root, "remote", "add", "origin", bare)
    sandbox.git(root, "push", "-q", "origin", "main")
    shutil.rmtree(root / ".git/lfs/objects")
    look(mounts(root).path, SMALL)
    look(mounts(f"file://{bare}").path, SMALL)


def look(mounted: Path, content: bytes = LARGE) -> None:
    """Some bytes in the middle, then all of them."""
    middle = len(content) // 2
    descriptor = os.open(mounted / "large.bin", os.O_RDONLY)
    try:
        assert os.pread(descriptor, 5000, middle) == content[middle : middle + 5000]
    finally:
        os.close(descriptor)
    assert (mounted / "large.bin").read_bytes() == content
