"""Snapshots for requests of the kernel: one build each, a deadline, and no result is lost.

Threads are real, the clock of the deadline is not: it passes when a test says so, however slow the machine.
"""

import threading
from collections.abc import Callable
from typing import cast

import pytest
import trio
import trio.testing

from vfs.daemon.builds import Builds
from vfs.errors import RemoteUnavailable, UnknownRevision
from vfs.testing.mounts import wait_until
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
async def builds(
    remote: Remote, mock_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> Builds:
    made = Builds(remote.build, deadline=DEADLINE, silent=lambda: ["store"], spoiled=spoiled)
    await nursery.start(made.run)
    return made


def spoiled(snapshot: Snapshot) -> bool:
    return "outage" in cast("str", snapshot)


async def got(builds: Builds, revision: str) -> str:
    return cast("str", await builds.get(revision))


class Late:
    """Looks that wait for `building` builds in vain until the deadline."""

    def __init__(self, builds: Builds, remote: Remote, clock: trio.testing.MockClock) -> None:
        self.builds = builds
        self.remote = remote
        self.clock = clock

    async def __call__(self, *revisions: str, building: int = 1) -> None:
        async with trio.open_nursery() as nursery:
            for revision in revisions:
                nursery.start_soon(self._look, revision)
            await until(lambda: len(self.remote.begun) == building, "builds that have begun")
            await trio.testing.wait_all_tasks_blocked()
            self.clock.jump(DEADLINE)

    async def _look(self, revision: str) -> None:
        with pytest.raises(RemoteUnavailable, match="owe an answer: store"):
            await self.builds.get(revision)


@pytest.fixture
def late(builds: Builds, remote: Remote, mock_clock: trio.testing.MockClock) -> Late:
    return Late(builds, remote, mock_clock)


async def until(condition: Callable[[], object], what: str) -> None:
    await trio.to_thread.run_sync(wait_until, condition, what)


async def test_one_build_for_all_who_look(builds: Builds, remote: Remote) -> None:
    remote.answers.set()
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(builds.get, "v1")
    assert remote.begun == ["v1"]


async def test_what_came_late_is_used_by_the_next_look(
    builds: Builds, remote: Remote, late: Late
) -> None:
    await late(*["v1"] * 10)
    remote.answers.set()
    assert await got(builds, "v1") == "snapshot of v1"
    assert remote.begun == ["v1"]
    await builds.get("v1")  # the workspace keeps snapshots, this does not
    assert remote.begun == ["v1", "v1"]


async def test_what_an_outage_spoiled_is_not_handed_out_later(
    builds: Builds, remote: Remote, late: Late
) -> None:
    await late("outage")
    remote.answers.set()
    await ended(builds, "outage")
    assert await got(builds, "outage") == "snapshot of outage"
    assert remote.begun == ["outage", "outage"]


async def test_what_nobody_fetches_is_not_kept_for_ever(
    builds: Builds, remote: Remote, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.daemon.builds.KEPT_SECONDS", 0.0)
    await late("v1")
    remote.answers.set()
    await ended(builds, "v1")


async def ended(builds: Builds, revision: str) -> None:
    await until(lambda: revision not in builds._flights, f"the end of the build of {revision}")


async def test_a_failure_reaches_all_and_is_not_kept(builds: Builds, remote: Remote) -> None:
    remote.answers.set()
    for _ in range(2):
        with pytest.raises(UnknownRevision):
            await builds.get("bad")
    assert remote.begun == ["bad", "bad"]


async def test_what_has_not_begun_is_given_up(builds: Builds, remote: Remote, late: Late) -> None:
    threads = int(THREADS[Pool.BUILD])
    await late(*(f"r{number}" for number in range(threads + 5)), building=threads)
    assert len(remote.begun) == threads
    remote.answers.set()
    assert await got(builds, "other") == "snapshot of other"
    assert len(remote.begun) == threads + 1
