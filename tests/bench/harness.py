"""What every benchmark shares: rows, medians, datasets, cold caches.

Rule: a figure is the median of several runs and stands beside a yardstick that was measured in
the same run on the same machine; a target without a measurable yardstick is an absolute number.
"""

import contextlib
import mmap
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, is_mounted, wait_until
from vfs.testing.sandbox import Sandbox

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Attributes:
        group: the script it comes from.
        what: what was measured.
        value: the median.
        unit: of value and yardstick.
        target: what it should be, in words; empty if the figure is only told.
        reached: whether it is; None if there is no target.
        yardstick: what it is compared with, and that one's median; empty if the target is absolute.
        spread: smallest and largest run, in words.
    """

    group: str
    what: str
    value: float
    unit: str
    target: str
    reached: bool | None
    yardstick: str = ""
    spread: str = ""

    def cells(self) -> list[str]:
        """The row of a markdown table."""
        return [
            self.what,
            f"**{number(self.value)} {self.unit}**" + (f" ({self.spread})" if self.spread else ""),
            self.yardstick or "-",
            self.target or "-",
            {None: "-", True: "yes", False: "**no**"}[self.reached],
        ]

    def document(self) -> dict[str, object]:
        """The row for JSON."""
        return asdict(self)


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def spread(values: list[float]) -> str:
    """The range of several runs."""
    return f"{number(min(values))}-{number(max(values))}"


def median(values: list[float]) -> float:
    """The middle of several runs."""
    return statistics.median(values)


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def repeat(action: Callable[[], float], runs: int = 5) -> list[float]:
    """Several measurements of one kind."""
    return [action() for _ in range(runs)]


@dataclass
class Bench:
    """What a benchmark works with.

    Attributes:
        sandbox: its private world.
        mounts: starts mounts that are taken down afterwards.
        large: whether the runs that take minutes and gigabytes are wanted.
    """

    sandbox: Sandbox
    mounts: MountFactory
    large: bool

    def repository(self, name: str, *, remote_url: str = "") -> HandmadeRepository:
        """A new repository with a local remote."""
        return HandmadeRepository(self.sandbox, self.sandbox.root / name, remote_url=remote_url)

    def rss(self, mount: Mount) -> float:
        """Resident memory of a daemon now, in MB."""
        return float(mount.daemon().memory_info().rss) / 1e6

    def peak(self, mount: Mount) -> float:
        """Largest resident memory a daemon has had, in MB."""
        text = Path(f"/proc/{mount.daemon().pid}/status").read_text(encoding="ascii")
        line = next(line for line in text.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6


@contextlib.contextmanager
def fresh_bench(large: bool) -> Iterator[Bench]:
    """A bench in a sandbox of its own."""
    sandbox = Sandbox.temporary()
    mounts = MountFactory(sandbox)
    try:
        yield Bench(sandbox, mounts, large)
    finally:
        wrong = mounts.close()
        sandbox.close()
        for line in wrong:
            print(f"warning: {line}")


def drop_caches() -> None:
    """Make the kernel forget clean pages, dentries and inodes of every file system; root only."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


def drop_names() -> None:
    """Make the kernel forget names and attributes, and pages of files that nobody has open; root only."""
    Path("/proc/sys/vm/drop_caches").write_text("2", encoding="ascii")


def touch_memory(size: int) -> None:
    """Make a virtual machine own `size` bytes: the first use of a page costs many times what later uses do."""
    with mmap.mmap(-1, size) as memory:
        for start in range(0, size, mmap.PAGESIZE):
            memory[start] = 1


def forget_pages(path: Path) -> None:
    """Make the kernel forget the cached pages of one file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def read_through(path: Path, piece: int = MIB) -> int:
    """Read a file from start to end as `dd bs=1M` does; returns its size."""
    buffer = bytearray(piece)
    total = 0
    descriptor = os.open(path, os.O_RDONLY)
    try:
        while count := os.readv(descriptor, [buffer]):
            total += count
    finally:
        os.close(descriptor)
    return total


def flat_names(count: int, per_directory: int = 1_000) -> list[str]:
    """Relative paths of a dataset: `d0000/f000000.bin`, …"""
    return [f"d{n // per_directory:04d}/f{n:07d}.bin" for n in range(count)]


def commit_listing(
    repo: HandmadeRepository, entries: list[dict[str, str]], size: int, tag: str
) -> None:
    """Commit one tracked directory `data` whose objects need not exist."""
    oid = repo.put_listing(entries)
    text = f"outs:\n- md5: {oid}\n  size: {size}\n  nfiles: {len(entries)}\n  hash: md5\n  path: data\n"
    repo.commit_raw({".dvc/config": repo.config(), "data.dvc": text.encode()}, tag=tag)


@contextlib.contextmanager
def bindfs(source: Path, point: Path) -> Iterator[Path]:
    """A passthrough mount in C (libfuse), the yardstick for what FUSE itself costs.

    It keeps what the kernel has of a file, as vfs does; by default each open drops that.
    """
    point.mkdir(exist_ok=True)
    subprocess.run(
        ["bindfs", "--no-allow-other", "-r", "-o", "kernel_cache", source, point], check=True
    )
    wait_until(lambda: is_mounted(point), "bindfs")
    try:
        yield point
    finally:
        subprocess.run(["fusermount3", "-u", point], check=True)


def in_parallel(clients: int, action: Callable[[int], None]) -> float:
    """Seconds until `clients` processes have each done `action(number)`."""
    started = time.perf_counter()
    children = []
    for number_ in range(clients):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                action(number_)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    assert failed == 0, f"{failed} of {clients} clients failed"
    return time.perf_counter() - started


class Readers:
    """Threads that keep reading until the block ends; an error in one fails the benchmark."""

    def __init__(self, action: Callable[[int], None], count: int) -> None:
        self._stop = threading.Event()
        self._failed: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._loop, args=(action, n), daemon=True) for n in range(count)
        ]

    def _loop(self, action: Callable[[int], None], seed: int) -> None:
        step = seed
        try:
            while not self._stop.is_set():
                action(step)
                step += len(self._threads)
        except OSError as error:
            self._failed.append(error)

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        assert not self._failed, self._failed


def processor() -> str:
    """What this machine is, for the head of a report."""
    with open("/proc/cpuinfo", encoding="utf-8") as table:
        model = next((line.split(":")[1].strip() for line in table if "model name" in line), "?")
    memory = psutil.virtual_memory().total / GIB
    return f"{model}, {os.cpu_count()} CPUs, {memory:.0f} GiB, Linux {os.uname().release}"
