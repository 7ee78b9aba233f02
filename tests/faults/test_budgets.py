"""Memory, descriptors and disk stay within their budgets, and do not grow, however long many readers go on.

`make soak`: 64 readers over 1,000 open files for ten minutes (`VFS_TEST_BUDGET_MINUTES`); `make test`: fewer for a third of one, with the second of the caches alone. Each once with a cache that
holds all of the data, and once with one that is smaller than it, so that something is evicted all the time. What was seen is printed (`pytest -s`).

Rule: a budget that the user sets is never exceeded at any look; what has no budget (descriptors, memory of the process beside what it holds for readers) has
a slope of about nothing over the second half, by linear regression. In the first minutes memory grows to what the largest burst of parallel reads needs, and stays.
"""

import contextlib
import os
import random
import statistics
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from vfs.control.client import call
from vfs.control.registry import find_mounts
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak

SOAK = bool(os.environ.get("VFS_TEST_SOAK"))
MINUTES = float(os.environ.get("VFS_TEST_BUDGET_MINUTES") or (10 if SOAK else 0.35))
READERS, FILES = (64, 1000) if SOAK else (16, 400)
LARGE = FILES // 20  # every twentieth file is read in parts
MIB = 1 << 20
MEMORY = 64 * MIB

pytestmark = [pytest.mark.fuse, pytest.mark.slow, pytest.mark.timeout(MINUTES * 60 + 300)]


class Look(NamedTuple):
    """What the daemon takes at one moment; bytes, or a number. `own` is its memory without maps of files."""

    seconds: float
    own: int
    rss: int
    in_flight: int
    in_memory: int
    descriptors: int
    store: int

    @property
    def beside(self) -> int:
        """Its memory beside blocks that are under way or wait to be hashed, which have a budget."""
        return self.own - self.in_flight - self.in_memory


def contents() -> dict[str, bytes]:
    """Small files, and some of 4.5 MiB, which come in parts."""
    made = random.Random(11)
    sizes = [4 * MIB + 512_000 if n < LARGE else made.randrange(1, 60_000) for n in range(FILES)]
    return {f"{n:04}.bin": made.randbytes(size) for n, size in enumerate(sizes)}


def settle(sandbox: Sandbox, limit: int) -> None:
    settings = Path(sandbox.environ["XDG_CONFIG_HOME"]) / "vfs" / "config.yaml"
    settings.parent.mkdir()
    settings.write_text(f"cache:\n  min_free: 0\n  limit: {limit}\ntransfer:\n  memory: {MEMORY}\n")


class Crowd:
    """Readers that read parts and wholes of open files, and open some anew; each byte is compared."""

    def __init__(self, mount: Mount, data: dict[str, bytes]) -> None:
        self._root, self._data = mount.path / "data", data
        self._names = list(data)
        self._stop = threading.Event()
        self._files = {name: self._open(name) for name in data}
        self.read = 0
        self.wrong: list[str] = []
        self._threads = [threading.Thread(target=self._go, args=(n,)) for n in range(READERS)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
        for file in self._files.values():
            os.close(file)
        assert not self.wrong, self.wrong[:3]

    def _open(self, name: str) -> int:
        return os.open(self._root / name, os.O_RDONLY)

    def _go(self, seed: int) -> None:
        chooser = random.Random(seed)
        mine = self._names[seed::READERS]  # opened anew by one reader only
        try:
            while not self._stop.is_set():
                self._one(chooser, chooser.choice(self._names), mine)
        except Exception as error:  # noqa: BLE001 - told by the test, whatever it is
            self.wrong.append(repr(error))

    def _one(self, chooser: random.Random, name: str, mine: list[str]) -> None:
        data = self._data[name]
        if chooser.random() < 0.1:
            name = chooser.choice(mine)
            with (self._root / name).open("rb") as file:
                found, expected = file.read(), self._data[name]
        else:
            start = chooser.randrange(len(data))
            length = chooser.choice((4096, 70_000, len(data)))
            found = os.pread(self._files[name], length, start)
            expected = data[start : start + length]
        os.posix_fadvise(self._files[name], 0, 0, os.POSIX_FADV_DONTNEED)
        self.read += len(found)
        if found != expected:
            self.wrong.append(f"{name}: {len(found)} bytes, {len(expected)} expected")


@pytest.mark.parametrize("rate", [0, 100_000])
def test_a_leak_is_seen(rate: int) -> None:
    """100 kB a second, beside bursts of megabytes."""
    made = random.Random(5)
    seen = []
    for second in range(0, 600, 10):
        burst = made.randrange(0, 12 * MIB)
        grown = min(second, 60) * MIB // 2 + rate * second
        own = 40 * MIB + grown + burst + made.randrange(3 * MIB)
        seen.append(Look(second, own, own, burst, 0, 60, 0))
    assert (growth(seen, "beside") > most_growth(seen)) == bool(rate)


def looks(mount: Mount, sandbox: Sandbox) -> Generator[Look, None, None]:
    """A picture of the daemon, twenty times or more until the time is over."""
    daemon = mount.daemon()
    (record,) = find_mounts(Path(sandbox.environ["XDG_RUNTIME_DIR"]) / "vfs")
    began, pause = time.monotonic(), max(1.0, MINUTES * 60 / 60)
    until = began + MINUTES * 60
    waiter = threading.Event()
    while time.monotonic() < until:
        waiter.wait(pause)  # the time between two looks is what is measured, not a condition
        told: dict[str, Any] = call(record, "statistics", timeout=60)
        yield Look(
            time.monotonic() - began,
            _anonymous(daemon),
            daemon.memory_info().rss,
            told["transfer"]["in_flight_bytes"],
            told["transfer"]["memory_cached"],
            daemon.num_fds(),
            told["store"]["bytes"],
        )


def _anonymous(daemon: psutil.Process) -> int:
    text = Path(f"/proc/{daemon.pid}/status").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


def growth(seen: list[Look], field: str) -> float:
    """How much a figure grew over the second half, by the line that fits it best."""
    half = [look for look in seen if look.seconds >= seen[-1].seconds / 2]
    seconds = [look.seconds for look in half]
    slope, _ = statistics.linear_regression(seconds, [getattr(look, field) for look in half])
    return slope * (seconds[-1] - seconds[0])


def most_growth(seen: list[Look]) -> float:
    """Bytes that memory may grow by in the second half: each burst that is larger than those before makes it grow, which a short run has not behind it."""
    return (8 if seen[-1].seconds >= 120 else 32) * MIB


def show(seen: list[Look], read: int) -> None:
    print(f"\n{READERS} readers, {FILES} open files, {read / MIB:,.0f} MiB read")
    print(
        f"{'s':>6} {'own':>6} {'RSS':>6} {'flight':>7} {'memory':>7} {'fds':>5} {'store':>6}  (MiB)"
    )
    for look in seen[:: max(1, len(seen) // 20)]:
        numbers = (look.own, look.rss, look.in_flight, look.in_memory)
        own, rss, flight, memory = (value / MIB for value in numbers)
        print(
            f"{look.seconds:6.0f} {own:6.1f} {rss:6.1f} {flight:7.1f} {memory:7.1f} "
            f"{look.descriptors:5} {look.store / MIB:6.1f}"
        )


@pytest.mark.parametrize("limit", [soak(1024 * MIB), 64 * MIB], ids=["roomy", "tight"])
def test_budgets_hold_and_nothing_grows(
    sandbox: Sandbox,
    handmade: HandmadeRepository,
    mounts: MountFactory,
    limit: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mounts.allow("is no longer in the cache; fetching it")  # evicted between two looks
    data = contents()
    settle(sandbox, limit)
    handmade.commit(directories={"data": data}, tag="v1")
    mount = mounts(handmade.root, "v1")
    seen: list[Look] = []
    with contextlib.closing(looks(mount, sandbox)) as pictures, Crowd(mount, data) as crowd:
        for look in pictures:
            seen.append(look)
            assert look.in_flight <= MEMORY
            assert look.in_flight + look.in_memory <= MEMORY
            assert look.store <= limit + limit // 32, (
                "half a segment while one goes (docs/store.md)"
            )
    with capsys.disabled() if SOAK else contextlib.nullcontext():
        show(seen, crowd.read)
    assert crowd.read > 50 * MIB
    assert growth(seen, "beside") <= most_growth(seen)
    assert growth(seen, "descriptors") <= 0.1 * seen[-1].descriptors + 8
    assert max(look.own for look in seen) <= 100 * MIB + 2 * MEMORY
