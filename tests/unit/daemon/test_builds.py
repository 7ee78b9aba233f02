"""Snapshots for requests of the kernel: one build each, a deadline, and no result is lost."""

import threading
from typing import cast

import pytest
import trio
import trio.testing

from vfs.daemon.builds import Builds
from vfs.errors import RemoteUnavailable, UnknownRevision
from vfs.threads import THREADS, Pool
from vfs.workspace import Snapshot

DEADLINE = 0.2
PATIENCE = 20.0


class Remote:
    """Builds that wait for a remote, until it answers."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.begun: list[str] = []

    def build(self, revision: str) -> Snapshot:
        self.begun.append(revision)
        assert self.answers.wait(PATIENCE)
        if revision == "bad":
            raise UnknownRevision(revision)
        return cast("Snapshot", f"snapshot of {revision}")


@pytest.fixture
def remote() -> Remote:
    return Remote()


@pytest.fixture
async def builds(remote: Remote, nursery: trio.Nursery) -> Builds:
    made = Builds(remote.build, deadline=DEADLINE, silent=lambda: ["store"], spoiled=spoiled)
    await nursery.start(made.run)
    return made


def spoiled(snapshot: Snapshot) -> bool:
    return "outage" in cast("str", snapshot)


async def got(builds: Builds, revision: str) -> str:
    return cast("str", await builds.get(revision))


async def late(builds: Builds, revision: str) -> None:
    with pytest.raises(RemoteUnavailable, match="owe an answer: store"):
        await builds.get(revision)


async def test_one_build_for_all_who_look(builds: Builds, remote: Remote) -> None:
    remote.answers.set()
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(builds.get, "v1")
    assert remote.begun == ["v1"]


async def test_what_came_late_is_used_by_the_next_look(builds: Builds, remote: Remote) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(late, builds, "v1")
    remote.answers.set()
    assert await got(builds, "v1") == "snapshot of v1"
    assert remote.begun == ["v1"]
    await builds.get("v1")  # the workspace keeps snapshots, this does not
    assert remote.begun == ["v1", "v1"]


async def test_what_an_outage_spoiled_is_not_handed_out_later(
    builds: Builds, remote: Remote
) -> None:
    await late(builds, "outage")
    remote.answers.set()
    await ended(builds, "outage")
    assert await got(builds, "outage") == "snapshot of outage"
    assert remote.begun == ["outage", "outage"]


async def test_what_nobody_fetches_is_not_kept_for_ever(
    builds: Builds, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.daemon.builds.KEPT_SECONDS", 0.0)
    await late(builds, "v1")
    remote.answers.set()
    await ended(builds, "v1")


async def ended(builds: Builds, revision: str) -> None:
    """Wait until a build is gone."""
    with trio.fail_after(PATIENCE):
        while revision in builds._flights:  # noqa: ASYNC110
            await trio.sleep(0.01)


async def test_a_failure_reaches_all_and_is_not_kept(builds: Builds, remote: Remote) -> None:
    remote.answers.set()
    for _ in range(2):
        with pytest.raises(UnknownRevision):
            await builds.get("bad")
    assert remote.begun == ["bad", "bad"]


async def test_what_has_not_begun_is_given_up(builds: Builds, remote: Remote) -> None:
    threads = int(THREADS[Pool.BUILD])
    async with trio.open_nursery() as nursery:
        for number in range(threads + 5):
            nursery.start_soon(late, builds, f"r{number}")
    assert len(remote.begun) == threads
    remote.answers.set()
    assert await got(builds, "other") == "snapshot of other"
    assert len(remote.begun) == threads + 1
