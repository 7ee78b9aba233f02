"""Fixtures of the tests of remotes: an empty remote on each kind of server."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from vfs.remotes import Remote, RemoteSpec, Statistics, open_remote
from vfs.remotes.backoff import Backoff
from vfs.testing.cloud_servers import CloudServer
from vfs.testing.faulty_proxy import FaultyProxy
from vfs.testing.git_servers import SshServer
from vfs.testing.s3_servers import S3Server
from vfs.testing.web_servers import StoreServer

OpenS3 = Callable[..., Remote]
OpenWeb = Callable[..., Remote]
OpenCloud = Callable[..., Remote]
OpenSsh = Callable[..., Remote]


@pytest.fixture(autouse=True)
def _nobody_elses_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The AWS settings of the person who runs the tests are out of reach."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "STORAGE_")) or name.lower() in (
            "http_proxy",
            "https_proxy",
            "all_proxy",
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def open_s3() -> Iterator[OpenS3]:
    """Opens a remote on a server, in a new bucket unless one is named; closes it at the end."""
    with ExitStack() as stack:

        def open_it(
            server: S3Server,
            *,
            bucket: str = "",
            prefix: str = "pre/fix",
            backoff: Backoff | None = None,
            statistics: Statistics | None = None,
            timeout: float = 20.0,
            jobs: int = 16,
            **options: str,
        ) -> Remote:
            url = f"s3://{bucket or server.new_bucket()}/{prefix}"
            spec = RemoteSpec("test", url, {**server.options, **options})
            remote = open_remote(
                spec, backoff=backoff, statistics=statistics, timeout=timeout, jobs=jobs
            )
            return stack.enter_context(closing(remote))

        yield open_it


@pytest.fixture
def open_web() -> Iterator[OpenWeb]:
    """Opens a remote on a server of `vfs.testing.web_servers`, in an empty directory; closes it at the end."""
    with ExitStack() as stack:

        def open_it(
            server: StoreServer, scheme: str, name: str = "store", **options: str
        ) -> Remote:
            server.new_directory(name)
            spec = RemoteSpec("test", server.url(scheme, name), options)
            return stack.enter_context(closing(open_remote(spec, timeout=20.0)))

        yield open_it


@pytest.fixture
def open_ssh(
    ssh_server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenSsh]:
    """Opens a directory of this machine over SSH, as somebody with that configuration; closes it at the end."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with ExitStack() as stack:

        def open_it(
            config: Path | None = None, *, port: int = 0, timeout: float = 20.0, **options: str
        ) -> Remote:
            text = (config or ssh_server.config).read_text()
            known = ssh_server.config.parent / "known"
            if port:  # of a relay: another name for the same host
                other = tmp_path / "known"
                other.write_text(known.read_text().replace(f":{ssh_server.port} ", f":{port} "))
                text = text.replace(str(known), str(other))
            (home / ".ssh/config").write_text(text)
            url = f"ssh://127.0.0.1:{port or ssh_server.port}{tmp_path}/re mote/dir"
            spec = RemoteSpec("test", url, options)
            backoff = Backoff(attempts=4, base=0.001, cap=0.002) if port else None
            remote = open_remote(spec, timeout=timeout, backoff=backoff)
            return stack.enter_context(closing(remote))

        yield open_it


@pytest.fixture
def open_cloud() -> Iterator[OpenCloud]:
    """Opens a remote on an emulator of `vfs.testing.cloud_servers`, in a new bucket; closes it at the end."""
    with ExitStack() as stack:

        def open_it(server: CloudServer, prefix: str = "pre/fix", **options: str) -> Remote:
            url = f"{server.scheme}://{server.new_bucket()}/{prefix}"
            spec = RemoteSpec("test", url, {**server.options(), **options})
            return stack.enter_context(closing(open_remote(spec, timeout=20.0)))

        yield open_it


@pytest.fixture
def proxy(ministack: S3Server) -> Iterator[FaultyProxy]:
    """A misbehaving way to MiniStack."""
    with FaultyProxy(ministack.port) as running:
        yield running
