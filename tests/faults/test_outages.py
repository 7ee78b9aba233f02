"""A mount over S3 while the service is away: readers wait until it is back, or until the deadline."""

import errno
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from vfs.testing.faulty_proxy import Fault, FaultyProxy, corrupt, hangup, stall, status
from vfs.testing.handmade import HandmadeRepository, md5
from vfs.testing.mounts import Mount, MountFactory, wait_until
from vfs.testing.processes import wait_ended
from vfs.testing.refusals import refused
from vfs.testing.s3_servers import SECRET_KEY, S3Server
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak

pytestmark = [pytest.mark.fuse, pytest.mark.s3]

CHOOSER = random.Random(22)
FILES = {"a": CHOOSER.randbytes(100_000), "b": CHOOSER.randbytes(5 << 20), "c": b"small" * 1000}
ROUND = 6
"""Attempts the remote makes before the fetcher hears of a failure."""

ROUND_SECONDS = 6
"""Longer than those take when nothing listens: the pauses between them are 5 s at most."""


@pytest.fixture
def readers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def proxy(ministack: S3Server) -> Iterator[FaultyProxy]:
    with FaultyProxy(ministack.port) as running:
        yield running


def s3_repository(
    sandbox: Sandbox, server: S3Server, options: dict[str, str]
) -> HandmadeRepository:
    """A repository whose objects lie in a new bucket."""
    bucket = server.new_bucket()
    repo = HandmadeRepository(
        sandbox,
        sandbox.root / "repository",
        remote_url=f"s3://{bucket}/data",
        remote_options={**server.options, **options},
    )
    repo.commit(files=FILES, tag="v1")
    client = server.client()
    repo.upload(lambda key, data: client.put_object(Bucket=bucket, Key=f"data/{key}", Body=data))
    repo.lose_remote()
    return repo


@pytest.fixture
def repository(sandbox: Sandbox, ministack: S3Server, proxy: FaultyProxy) -> HandmadeRepository:
    return s3_repository(sandbox, ministack, {"endpointurl": proxy.endpoint})


def begin(pool: ThreadPoolExecutor, mount: Mount) -> dict[str, Future[bytes]]:
    return {name: pool.submit((mount.path / name).read_bytes) for name in FILES}


def check(reading: dict[str, Future[bytes]]) -> None:
    for name, data in FILES.items():
        assert reading[name].result(60) == data


@pytest.mark.parametrize("fault", [status(503), soak(hangup())], ids=["503", "hang-up"])
def test_readers_outlast_a_service_that_refuses(
    repository: HandmadeRepository,
    proxy: FaultyProxy,
    mounts: MountFactory,
    readers: ThreadPoolExecutor,
    fault: Fault,
) -> None:
    mounts.allow("WARNING.*vfs.transfer")
    mount = mounts(repository.root, "v1")
    proxy.always(fault)
    reading = begin(readers, mount)
    asked = len(proxy.requests)
    wait_until(
        lambda: len(proxy.requests) > asked + len(FILES) * (2 * ROUND + 1),
        "a third round of attempts",
        timeout=60,
    )
    assert not any(future.done() for future in reading.values())
    proxy.always(None)
    back = time.monotonic()
    check(reading)
    assert time.monotonic() - back < 6


def test_readers_outlast_a_restart(
    repository: HandmadeRepository,
    proxy: FaultyProxy,
    ministack: S3Server,
    mounts: MountFactory,
    readers: ThreadPoolExecutor,
) -> None:
    """Nothing listens for longer than one request repeats by itself."""
    mounts.allow("WARNING.*vfs.transfer")
    mount = mounts(repository.root, "v1")
    proxy.__exit__()
    reading = begin(readers, mount)
    gone = time.monotonic()
    wait_until(lambda: time.monotonic() > gone + ROUND_SECONDS, "the restart")
    assert not any(future.done() for future in reading.values())
    with FaultyProxy(ministack.port, port=proxy.port):
        check(reading)


def test_the_deadline_counts_once_and_names_its_reason(
    repository: HandmadeRepository, proxy: FaultyProxy, mounts: MountFactory
) -> None:
    """The kernel asks again for a page that its read-ahead did not get; the reader has waited already."""
    mounts.allow("WARNING.*vfs")
    mount = mounts(repository.root, "v1", "-o", "transfer.deadline=5,transfer.request_timeout=1")
    proxy.always(stall(0))
    began = time.monotonic()
    with (mount.path / "b").open("rb", buffering=0) as file, refused(errno.EIO):
        file.read(4096)
    assert 4 < time.monotonic() - began < 9.5, "once, not twice"
    line = next(line for line in mount.log().splitlines() if "within 5 s" in line)
    digest = md5(FILES["b"])
    assert f"store ({repository.remote_url}): files/md5/{digest[:2]}/{digest[2:]}" in line
    assert "attempt " in line
    assert "no answer in time" in line


def test_a_daemon_ends_at_once_in_an_outage(
    repository: HandmadeRepository,
    proxy: FaultyProxy,
    mounts: MountFactory,
    readers: ThreadPoolExecutor,
) -> None:
    """Nobody is left waiting for the deadline."""
    mounts.allow("WARNING.*vfs")
    mount = mounts(repository.root, "v1")
    proxy.always(hangup())
    reading = begin(readers, mount)
    wait_until(lambda: len(proxy.requests) > len(FILES) * (ROUND + 1), "a second round", timeout=60)
    daemon = mount.daemon()
    daemon.terminate()
    assert not wait_ended([daemon], 10)
    for future in reading.values():
        assert isinstance(future.exception(10), OSError)


def test_a_prefetch_outlasts_an_outage(
    repository: HandmadeRepository,
    proxy: FaultyProxy,
    mounts: MountFactory,
    readers: ThreadPoolExecutor,
) -> None:
    mounts.allow("WARNING.*vfs.transfer")
    mount = mounts(repository.root, "v1")
    proxy.always(status(503))
    asked = len(proxy.requests)
    prefetch = readers.submit(mount.cli, "prefetch", "--mount", mount.path)
    wait_until(
        lambda: len(proxy.requests) > asked + len(FILES) * (ROUND + 1), "a second round", timeout=60
    )
    proxy.always(None)
    assert prefetch.result(60).returncode == 0
    for name, data in FILES.items():
        assert (mount.path / name).read_bytes() == data


def test_one_bad_transfer_of_a_large_file(
    repository: HandmadeRepository, proxy: FaultyProxy, mounts: MountFactory
) -> None:
    """It is refused, and served again once all of it has been fetched anew and found right: a minute later, or after a remount."""
    mounts.allow("WARNING.*vfs")
    mount = mounts(repository.root, "v1")
    path = mount.path / "b"
    proxy.always(corrupt(777))
    with refused(errno.EIO):
        for _ in range(100):
            path.read_bytes()
            wait_until(lambda: b"no" not in verified(path), "the check of the whole")
    proxy.always(None)
    assert not readable(path), "not at once"
    mount.umount()
    mount.start("v1")
    with path.open("rb") as file:
        assert file.read(10) == FILES["b"][:10]
        assert verified(path) == b"yes", "nothing is handed out before the comparison of the whole"
    assert path.read_bytes() == FILES["b"]
    assert verified(path) == b"yes"


def verified(path: Path) -> bytes:
    return os.getxattr(path, "user.vfs.verified")


def readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


@pytest.mark.slow
def test_keys_are_corrected_in_the_local_configuration(
    sandbox: Sandbox, rgw: S3Server, mounts: MountFactory
) -> None:
    """DVC's usual place for keys is `.dvc/config.local`: what is written there counts without a remount."""
    mounts.allow("WARNING")
    repository = s3_repository(sandbox, rgw, {"secret_access_key": "WRONGSECRETWRONG"})
    mount = mounts(repository.root, "v1")
    with refused(errno.EACCES, errno.EIO):
        (mount.path / "a").read_bytes()
    local = repository.root / ".dvc" / "config.local"
    local.parent.mkdir(exist_ok=True)
    local.write_text(f"['remote \"store\"']\n    secret_access_key = {SECRET_KEY}\n")
    wait_until(lambda: readable(mount.path / "a"), "the corrected keys to be used")
    local.write_text("['remote \"store\"']\n    secret_access_key = WRONGAGAIN\n")
    with refused(errno.EACCES, errno.EIO):
        (mount.path / "c").read_bytes()
    local.write_text(f"['remote \"store\"']\n    secret_access_key = {SECRET_KEY}\n")
    mount.switch("HEAD")
    wait_until(lambda: readable(mount.path / "c"), "the corrected keys to be used")
    for name, data in FILES.items():
        assert (mount.path / name).read_bytes() == data
    assert "WRONG" not in mount.log()
