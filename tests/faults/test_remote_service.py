"""A mount over S3 while the service misbehaves: right bytes or an error, in time, and nothing else.

The server is real; a proxy before it loses, cuts, delays, corrupts and refuses.
"""

import errno
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.testing.faulty_proxy import (
    Fault,
    FaultyProxy,
    corrupt,
    drip,
    garbage,
    hangup,
    reset,
    stall,
    status,
    truncate,
)
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, wait_until
from vfs.testing.refusals import refused
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak

pytestmark = [pytest.mark.fuse, pytest.mark.s3]

CHOOSER = random.Random(21)
SMALL = CHOOSER.randbytes(100_000)
LARGE = CHOOSER.randbytes(3_000_000)
OTHER = CHOOSER.randbytes(50_000)
DEADLINE = ("-o", "transfer.deadline=8,transfer.request_timeout=2")


@pytest.fixture
def proxy(ministack: S3Server) -> Iterator[FaultyProxy]:
    with FaultyProxy(ministack.port) as running:
        yield running


def s3_repository(sandbox: Sandbox, server: S3Server, endpoint: str) -> HandmadeRepository:
    """A repository whose objects lie in a new bucket, reached through `endpoint`."""
    bucket = server.new_bucket()
    repo = HandmadeRepository(
        sandbox,
        sandbox.root / "repository",
        remote_url=f"s3://{bucket}/data",
        remote_options={**server.options, "endpointurl": endpoint},
    )
    repo.commit(
        plain={"git.txt": b"git"},
        files={"small.bin": SMALL, "large.bin": LARGE},
        directories={"data": {"other": OTHER, "tiny": b"t"}},
        tag="v1",
    )
    client = server.client()
    repo.upload(lambda key, data: client.put_object(Bucket=bucket, Key=f"data/{key}", Body=data))
    repo.lose_remote()
    return repo


@pytest.fixture
def repository(sandbox: Sandbox, ministack: S3Server, proxy: FaultyProxy) -> HandmadeRepository:
    return s3_repository(sandbox, ministack, proxy.endpoint)


@pytest.fixture
def mount(repository: HandmadeRepository, mounts: MountFactory) -> Mount:
    mounts.allow("WARNING")
    return mounts(repository.root, "v1", *DEADLINE)


@pytest.fixture
def impatient(repository: HandmadeRepository, mounts: MountFactory) -> Mount:
    """For outages that outlast any deadline."""
    mounts.allow("WARNING")
    return mounts(repository.root, "v1", "-o", "transfer.deadline=3,transfer.request_timeout=1")


def read(mount: Mount, path: str) -> bytes:
    return (mount.path / path).read_bytes()


def test_everything_over_s3(mount: Mount) -> None:
    assert read(mount, "small.bin") == SMALL
    assert read(mount, "large.bin") == LARGE
    assert read(mount, "data/other") == OTHER
    assert read(mount, "data/tiny") == b"t"


@pytest.mark.parametrize(
    "faults",
    [
        [status(503)],
        soak([status(500), status(503)]),
        soak([status(429, ("Retry-After", "0"))]),
        soak([reset(0)]),
        [reset(20_000)],
        [truncate(30_000)],
        soak([hangup(), hangup()]),
        [garbage()],
        [stall(10_000)],
    ],
    ids=["503", "500,503", "429", "reset", "reset later", "cut", "hang-up", "garbage", "stall"],
)
def test_passing_trouble_is_not_seen(mount: Mount, proxy: FaultyProxy, faults: list[Fault]) -> None:
    proxy.plan(*faults)
    assert read(mount, "small.bin") == SMALL
    proxy.plan(*faults)
    assert read(mount, "large.bin") == LARGE


def test_one_wrong_byte_is_never_served(mount: Mount, proxy: FaultyProxy) -> None:
    """A file that arrives in one piece is checked before any of it is given out."""
    proxy.plan(corrupt(777))
    try:
        assert read(mount, "small.bin") == SMALL
    except OSError as error:
        assert error.errno == errno.EIO  # noqa: PT017 - both outcomes are right
    assert read(mount, "data/other") == OTHER


def test_service_down_and_up_again(impatient: Mount, proxy: FaultyProxy) -> None:
    mount = impatient
    assert read(mount, "data/other") == OTHER
    proxy.always(hangup())
    with refused(errno.EIO):
        read(mount, "small.bin")
    assert read(mount, "data/other") == OTHER
    assert read(mount, "git.txt") == b"git"
    assert (mount.path / "large.bin").stat().st_size == len(LARGE)
    mount.switch("v1")
    proxy.always(None)
    assert eventually(mount.path / "small.bin") == SMALL


def test_service_that_crawls(impatient: Mount, proxy: FaultyProxy) -> None:
    """A reader gets an error at its deadline; it does not hang, nor do the others."""
    mount = impatient
    proxy.always(drip(5.0))
    with refused(errno.EIO):
        read(mount, "small.bin")
    assert read(mount, "git.txt") == b"git"
    proxy.always(None)
    assert eventually(mount.path / "data" / "other") == OTHER


def test_credentials_are_withdrawn(mount: Mount, proxy: FaultyProxy) -> None:
    assert read(mount, "data/other") == OTHER
    body = b"<Error><Code>ExpiredToken</Code><Message>x</Message></Error>"
    proxy.always(status(403, body=body))
    with refused(errno.EACCES, errno.EIO):
        read(mount, "small.bin")
    assert read(mount, "data/other") == OTHER
    proxy.always(None)
    assert eventually(mount.path / "small.bin") == SMALL


def eventually(path: Path) -> bytes:
    """The bytes, as soon as vfs asks the remote again after a failure."""

    def readable() -> bool:
        try:
            path.read_bytes()
        except OSError:
            return False
        return True

    wait_until(readable, f"{path} to be readable again", timeout=40)
    return path.read_bytes()


@pytest.mark.soak
@pytest.mark.slow
def test_wrong_secret(sandbox: Sandbox, rgw: S3Server, mounts: MountFactory) -> None:
    """A server that checks signatures: refused clearly, without the secret in any message."""
    mounts.allow("WARNING")
    repo = s3_repository(sandbox, rgw, rgw.endpoint)
    repo.remote_options["secret_access_key"] = "WRONGSECRETWRONG"
    blobs = repo.sandbox.git(repo.root, "show", "v1:small.bin.dvc") + b"\n"
    repo.commit_raw({".dvc/config": repo.config(), "small.bin.dvc": blobs, "g": b"g"}, tag="v2")
    mount = mounts(repo.root, "v2", *DEADLINE)
    with refused(errno.EACCES, errno.EIO):
        read(mount, "small.bin")
    assert read(mount, "g") == b"g"
    assert "WRONGSECRET" not in mount.log()


@pytest.mark.slow
def test_a_real_server(sandbox: Sandbox, rgw: S3Server, mounts: MountFactory) -> None:
    repo = s3_repository(sandbox, rgw, rgw.endpoint)
    mount = mounts(repo.root, "v1")
    assert read(mount, "large.bin") == LARGE
    assert read(mount, "data/other") == OTHER
