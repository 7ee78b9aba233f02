"""Known orders, through a real mount over a real web server that answers late."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.hints.conftest import FILES, NAMES, fetched, status
from vfs.control.client import Talk, call, find_mount
from vfs.errors import UsageError
from vfs.hints import Prefetcher, hinted
from vfs.hints.torch import HintedSampler
from vfs.testing.latency import LateServer
from vfs.testing.mounts import Mount, MountFactory, wait_until

pytestmark = pytest.mark.fuse
Orders = Callable[[], list[dict[str, Any]]]


def to_the_end(talk: Talk) -> None:
    while talk.hear() is not None:
        pass


def read(mount: Mount, name: str) -> None:
    assert (mount.path / "data" / name).read_bytes() == FILES[name]


def test_files_are_there_before_they_are_asked_for(
    mount: Mount, late: LateServer, orders: Orders
) -> None:
    order = list(NAMES)
    random.Random(1).shuffle(order)
    with Prefetcher(mount.path / "data", order, ahead=20) as coming:
        for number, name in enumerate(coming):
            wait_until(lambda n=number: fetched(late) >= min(len(order), n + 20), "the window")  # type: ignore[misc]
            assert fetched(late) <= number + 21
            read(mount, name)
        assert status(mount)["transfer"]["waits"] == 0
    wait_until(lambda: not orders(), "the end of the order")


def test_readers_of_other_processes_move_the_window(mount: Mount, late: LateServer) -> None:
    with Prefetcher(mount.path, [f"data/{name}" for name in NAMES], ahead=10):
        wait_until(lambda: fetched(late) == 10, "the first files")
        for number in (
            7,
            3,
            12,
        ):  # the furthest reader counts; who is behind finds what was fetched
            subprocess.run(["cat", mount.path / "data" / NAMES[number]], check=True)
            furthest = 12 if number == 12 else 7
            wait_until(lambda f=furthest: fetched(late) == f + 10, "the window")  # type: ignore[misc]


def test_a_reader_may_say_where_it_is(mount: Mount, late: LateServer) -> None:
    with Prefetcher(mount.path / "data", NAMES, ahead=10) as coming:
        wait_until(lambda: fetched(late) == 10, "the first files")
        coming.advance(100)
        wait_until(lambda: fetched(late) == 20, "the window behind what was passed")
        read(mount, NAMES[150])  # from now on reads are no news
        wait_until(lambda: fetched(late) >= 21, "the server to write down the one that was read")
        assert fetched(late) == 21
        coming.advance(101)
        wait_until(lambda: fetched(late) == 22, "one file more")


def test_epochs_and_resuming(mount: Mount, late: LateServer) -> None:
    coming = Prefetcher(mount.path / "data", NAMES[:50], ahead=8, start=40)
    assert len(coming) == 50
    for name in coming:
        assert name in NAMES[40:50]
        wait_until(lambda: fetched(late) >= 8, "the window")
        read(mount, name)
    wait_until(lambda: fetched(late) >= 10, "the server to write down the last one")
    assert fetched(late) == 10
    seen = []
    for name in coming:
        seen.append(name)
        wait_until(lambda: fetched(late) >= min(50, len(seen) + 17), "the window")
        read(mount, name)
    assert seen == NAMES[:50]
    assert fetched(late) == 50
    coming.renew(list(reversed(NAMES)), start=195)
    assert list(coming) == NAMES[4::-1]
    coming.close()


def test_an_order_of_batches(mount: Mount, late: LateServer) -> None:
    batches = [range(n, n + 5) for n in range(0, 100, 5)]
    paths: Callable[[range], list[str]] = lambda batch: [NAMES[n] for n in batch]  # noqa: E731
    for done, _ in enumerate(
        Prefetcher(mount.path / "data", batches, path_of=paths, ahead=10), start=0
    ):
        wait_until(lambda d=done: fetched(late) >= min(100, 5 * d + 10), "two batches")  # type: ignore[misc]
        assert fetched(late) <= 5 * done + 10


def test_plain_iterators(mount: Mount, late: LateServer) -> None:
    paths = (mount.path / "data" / name for name in NAMES[:30])
    for path in hinted(paths, ahead=100):
        wait_until(lambda: fetched(late) == 30, "all of it")
        assert path.read_bytes() == FILES[path.name]
    assert list(hinted(iter(()))) == []


def test_plain_iterators_of_paths_below_the_working_directory(
    mount: Mount, late: LateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mount.path.parent)
    pairs = [[f"{mount.path.name}/data/{name}" for name in NAMES[n : n + 2]] for n in (0, 2, 4)]
    for pair in hinted(iter(pairs), path_of=list, ahead=100):
        wait_until(lambda: fetched(late) == 6, "all of it")
        for path in pair:
            assert Path(path).read_bytes() == FILES[Path(path).name]


def test_who_names_what_is_not_in_the_mount_is_told(mount: Mount) -> None:
    with pytest.warns(RuntimeWarning, match="/elsewhere/1 is not in it"):
        assert list(Prefetcher(mount.path, ["data/1", "/elsewhere/1", "/elsewhere/2"]))


def test_who_names_what_is_no_file_is_told(mount: Mount) -> None:
    for astray in ("data/nothing", "data", "no/such", "data/f000/x", "link"):
        name_astray(mount, astray)
    assert list(Prefetcher(mount.path, ["git.txt", "data/f001"])) == ["git.txt", "data/f001"]


def name_astray(mount: Mount, astray: str) -> None:
    order = ["git.txt", "data/f001", astray, "data/f002", "data/none"]
    told = pytest.warns(RuntimeWarning, match=f"^not all .*/{astray} is no file there")
    with told, Prefetcher(mount.path, order) as coming:
        wait_until(lambda: coming.figures.get("absent"), "the word of the daemon")
        wait_until(lambda: status(mount)["orders"][0]["absent"] == 2, "all of them")
        assert coming.figures["first_absent"] == astray


def test_what_cannot_be_had_ends_nothing(
    mount: Mount, late: LateServer, mounts: MountFactory
) -> None:
    mounts.allow("HTTP 404|no place has")
    lost = sorted((late.log.parent / "root/files/md5").glob("*/*"))[:20]
    for path in lost:
        if not path.name.endswith(".dir"):
            path.unlink()
    order = ["nothing", *NAMES, "../../etc/passwd", ""]
    told = pytest.warns(RuntimeWarning, match="etc/passwd is not in it")
    with told, Prefetcher(mount.path / "data", order, ahead=1000):
        wait_until(lambda: status(mount)["orders"][0]["known"] == len(order), "the whole order")
        wait_until(
            lambda: sum(status(mount)["orders"][0][k] for k in ("fetched", "failed")) == 200,
            "all that can be had",
        )
        assert status(mount)["orders"][0]["failed"] >= 19


def test_a_client_that_is_killed_is_forgotten(mount: Mount, orders: Orders) -> None:
    script = (
        "import sys, time\nfrom vfs.hints import Prefetcher\n"
        "with Prefetcher(sys.argv[1], sys.argv[2:], ahead=4):\n    time.sleep(600)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, mount.path / "data", *NAMES], env=mount.sandbox.environ
    )
    try:
        wait_until(lambda: [o["fetched"] for o in orders()] == [4], "the window")
        child.send_signal(signal.SIGKILL)
        wait_until(lambda: not orders(), "the end of the order")
        read(mount, NAMES[0])
    finally:
        child.kill()
        child.wait()


def test_without_a_mount_nothing_is_hinted(tmp_path: Path, sandbox: object) -> None:
    coming = Prefetcher(tmp_path, ["a", "b"])
    with pytest.warns(RuntimeWarning, match="nothing is mounted there by vfs"):
        assert list(coming) == ["a", "b"]
    assert list(coming) == ["a", "b"]  # and no second warning
    with coming:
        coming.advance(1)
    assert coming.figures == {}


def test_a_daemon_that_ends_and_comes_back(mount: Mount, late: LateServer, orders: Orders) -> None:
    coming = Prefetcher(mount.path / "data", NAMES, ahead=4)

    def epoch() -> None:
        for number, name in enumerate(coming):
            if number == 50:
                mount.umount()
            if number == 100:
                mount.start()
            if not 50 <= number < 100:
                read(mount, name)

    with pytest.warns(RuntimeWarning, match="no files are fetched ahead"):
        epoch()
    assert list(coming) == NAMES
    wait_until(lambda: [o["at"] for o in orders()] == [199], "an order of the new daemon")
    coming.close()


def test_a_forked_child_is_silent(mount: Mount, orders: Orders) -> None:
    with Prefetcher(mount.path / "data", NAMES, ahead=4) as coming:
        wait_until(lambda: [o["known"] for o in orders()] == [200], "the order")
        child = os.fork()
        if child == 0:
            ok = list(coming) == NAMES
            coming.advance(100)
            coming.close()
            os._exit(0 if ok else 1)
        assert os.waitpid(child, 0)[1] == 0
        found = orders()
        assert [o["at"] for o in found] == [0]
        coming.advance(1)
        wait_until(lambda: [o["at"] for o in orders()] == [1], "the parent's word")


def test_who_is_dropped_has_closed(mount: Mount, orders: Orders) -> None:
    data, held = mount.path / "data", list[Prefetcher[str]]()
    for _ in range(3):
        for name in Prefetcher(data, NAMES[:5]):
            read(mount, name)
        assert list(HintedSampler(range(5), NAMES.__getitem__, mount=data)) == [0, 1, 2, 3, 4]
        next(iter(Prefetcher(data, NAMES)))  # in mid-epoch

    def forgotten(name: str) -> str:  # in the thread that tells
        held.clear()
        return name

    held.append(Prefetcher(data, NAMES, path_of=forgotten))
    held[0].__enter__()
    kept = Prefetcher(data, NAMES[:5])
    assert list(kept) + list(kept) == NAMES[:5] * 2
    wait_until(lambda: [order["run"] for order in orders()] == [2], "the one that is held")
    wait_until(lambda: hinting() == 1, "the end of the threads of the others")
    del kept
    wait_until(lambda: not orders(), "the end of the order")
    wait_until(lambda: not hinting(), "the end of its thread")


def hinting() -> int:
    """Threads that tell a daemon what comes."""
    return sum(thread.name == "vfs-hints" for thread in threading.enumerate())


def test_half_a_million_paths_cost_one_window(mount: Mount, orders: Orders) -> None:
    asked = 0

    def paths() -> Iterator[str]:
        nonlocal asked
        for number in range(500_000):
            asked = number
            yield f"data/no/such/directory/of/a/hundred/characters/{number:060}"

    process = psutil.Process()
    daemon = mount.daemon()
    most = 0
    before = process.memory_info().rss + daemon.memory_info().rss
    told = pytest.warns(RuntimeWarning, match=r"no/such/directory/.*/\d{60} is no file there")
    with told, Prefetcher(mount.path, paths(), ahead=1000) as coming:
        for number, _ in enumerate(coming):
            most = max(most, asked - number)
    after = process.memory_info().rss + daemon.memory_info().rss
    assert most <= 1000 + 2 * 2048
    assert after - before < 64 << 20


def test_who_tells_more_than_was_asked_is_refused(mount: Mount) -> None:
    talk = Talk(find_mount(mount.path, Path.cwd()), "order", {"files": 10})
    with suppress(OSError):  # it hangs up
        for _ in range(10):
            talk.tell({"paths": ["data/x"] * 1000})
    with pytest.raises(UsageError, match="asked for"):
        to_the_end(talk)
    talk.close()
    with pytest.raises(UsageError, match="files ahead"):
        call(find_mount(mount.path, Path.cwd()), "order", {"files": 10**9})


def test_several_readers_at_once(mount: Mount, late: LateServer) -> None:
    order = list(NAMES)
    random.Random(3).shuffle(order)
    coming = Prefetcher(mount.path / "data", order, ahead=64, trail=16)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: read(mount, name), coming))
    wait_until(lambda: fetched(late) == 200, "all of it")
    assert len(late.requests) == len(set(late.requests))  # nothing was asked for twice
    coming.close()
