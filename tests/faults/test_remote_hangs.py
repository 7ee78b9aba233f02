"""Looks below `.snapshots` at a remote that takes requests and never answers: they fail in time, and nothing else notices."""

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.test_remote_service import eventually
from vfs.testing.faulty_proxy import FaultyProxy, stall
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, wait_until
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.fuse, pytest.mark.s3]

LOOKS = 45
DEADLINE = 6
OPTIONS = ("-o", f"transfer.deadline={DEADLINE},transfer.request_timeout=12")


@pytest.fixture
def proxy(ministack: S3Server) -> Iterator[FaultyProxy]:
    with FaultyProxy(ministack.port) as running:
        yield running


@pytest.fixture
def mount(sandbox: Sandbox, ministack: S3Server, proxy: FaultyProxy, mounts: MountFactory) -> Mount:
    """At a commit without data; beside it are many whose listings lie on the remote."""
    mounts.allow("WARNING")
    bucket = ministack.new_bucket()
    repo = HandmadeRepository(
        sandbox,
        sandbox.root / "repository",
        remote_url=f"s3://{bucket}/data",
        remote_options={**ministack.options, "endpointurl": proxy.endpoint},
    )
    for number in range(LOOKS):
        files = {"n": b"%d" % number, "same": b"same"}
        repo.commit(plain={"x": b"x"}, directories={"dir": files}, tag=f"e{number}")
    repo.commit(plain={"git.txt": b"2"}, tag="v2")
    repo.commit(plain={"git.txt": b"1", **{f"{n}": b"%d" % n for n in range(20)}}, tag="v1")
    client = ministack.client()
    repo.upload(lambda key, data: client.put_object(Bucket=bucket, Key=f"data/{key}", Body=data))
    repo.lose_remote()
    return mounts(repo.root, "v1", *OPTIONS)


class Look(threading.Thread):
    """`ls` of one directory: what came of it, and after how long."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.error = 0
        self.seconds = 0.0

    def run(self) -> None:
        started = time.monotonic()
        try:
            os.listdir(self._path)
        except OSError as error:
            self.error = error.errno or 0
        self.seconds = time.monotonic() - started


def test_nothing_else_waits(mount: Mount, proxy: FaultyProxy) -> None:
    proxy.always(stall(0))
    looks = [Look(mount.path / ".snapshots" / f"e{n}" / "dir") for n in range(LOOKS)]
    for look in looks:
        look.start()
    wait_until(lambda: len(proxy.requests) >= 8, "the remote to be asked")
    started = time.monotonic()
    for number in range(20):
        assert (mount.path / f"{number}").read_bytes() == b"%d" % number
    assert sorted(os.listdir(mount.path / ".snapshots"))
    mount.switch("v2")
    assert (mount.path / "git.txt").read_bytes() == b"2"
    assert any(look.is_alive() for look in looks), "the remote answered: nothing was proved"
    assert time.monotonic() - started < DEADLINE
    for look in looks:
        look.join(60)
    assert {look.error for look in looks} == {errno.EIO}
    assert max(look.seconds for look in looks) < 2 * DEADLINE
    assert "remotes that owe an answer: store" in mount.log()
    proxy.always(None)
    assert eventually(mount.path / ".snapshots" / "e3" / "dir" / "n") == b"3"
    assert eventually(mount.path / ".snapshots" / "e44" / "dir" / "n") == b"44"
