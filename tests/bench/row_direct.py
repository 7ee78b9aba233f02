"""The direct transport beside C: open + read + close of 8 KiB files, with one and four clients, in turns with a C program on libfuse that serves constants.

Three states of the kernel: nothing known (names are looked up), names known and pages dropped, all known.
"""

import contextlib
import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.harness import Bench, Row, flat_names, forget_pages, median, spread
from tests.bench.row_small import SIZE, _rate, _read
from vfs.testing.mounts import Mount, is_mounted, wait_until

COUNT = 8_000
RUNS = 3
KERNEL_WARM = 80_000
STATES = ("nothing known to the kernel", "names known, pages dropped", "kernel-warm")


def run(bench: Bench) -> Iterator[Row]:
    """Files per second, of each transport and of C."""
    program = _compiled(bench.sandbox.root)
    names = flat_names(COUNT)
    repo = bench.repository("direct")
    files = {name: n.to_bytes(8, "little") * (SIZE // 8) for n, name in enumerate(names)}
    repo.commit(directories={"data": files}, tag="v1")
    files.clear()
    mount = bench.mounts(repo.root, "v1", "--transport", "direct")
    started, memory = _start(mount, "direct"), bench.rss(mount)
    _read(mount.path / "data", names)
    for clients in (1, 4):
        measured: dict[str, list[list[float]]] = {"direct": [], "pyfuse3": [], "C": []}
        for turn in range(RUNS):
            for kind in ("direct", "pyfuse3"):
                _start(mount, kind)
                measured[kind].append(_states(mount.path / "data", names, clients))
            with _constant(program, bench.sandbox.root / f"c-{clients}-{turn}") as point:
                measured["C"].append(_states(point, names, clients))
        yield from _rows(measured, clients)
    _start(mount, "direct")
    _read(mount.path / "data", names)
    for what, cost in _messages(mount, names).items():
        yield Row("direct", f"messages of {what}", cost, "", "0", cost == 0)
    slower, larger = _start(mount, "pyfuse3"), bench.rss(mount)
    yield Row(
        "direct", "mount, until it can be used", started, "s", "", None, f"pyfuse3: {slower:.3g} s"
    )
    yield Row(
        "direct", "memory of a new daemon", memory, "MB", "", None, f"pyfuse3: {larger:.3g} MB"
    )


def _rows(measured: dict[str, list[list[float]]], clients: int) -> Iterator[Row]:
    for index, state in enumerate(STATES):
        ours, older, ceiling = ([run[index] for run in measured[kind]] for kind in measured)
        value, least = median(ours), 0.8 * median(ceiling)
        warm = index == len(STATES) - 1
        yield Row(
            "direct",
            f"open+read+close of 8 KiB files, chunk-warm, {state}, {clients} client(s)",
            value,
            "files/s",
            f">= {KERNEL_WARM:,}/s" if warm else ">= 0.8 x C",
            value >= (KERNEL_WARM if warm else least),
            f"C: {median(ceiling):,.0f}/s; pyfuse3: {median(older):,.0f}/s",
            spread(ours),
        )


def _states(root: Path, names: list[str], clients: int) -> list[float]:
    first = _rate(root, names, clients)
    for name in names:
        forget_pages(root / name)
    return [first, _rate(root, names, clients), _rate(root, names, clients)]


def _start(mount: Mount, kind: str) -> float:
    """Mount anew by a transport; seconds."""
    mount.umount()
    started = time.perf_counter()
    mount.start("v1", "--transport", kind)
    return time.perf_counter() - started


def _messages(mount: Mount, names: list[str]) -> dict[str, int]:
    data = mount.path / "data"

    def count() -> int:
        told = json.loads(mount.cli("status", "--json", mount.path).stdout)
        return int(told["requests"]["messages"])

    def listing() -> None:
        for _ in range(2):
            subprocess.run(["ls", "-R", data], check=True, stdout=subprocess.DEVNULL)

    def reading() -> None:
        _read(data, names)

    costs: dict[str, int] = {}
    actions: dict[str, Callable[[], None]] = {
        f"{len(names):,} warm open+read+close": reading,
        "two warm `ls -R`": listing,
    }
    for what, action in actions.items():
        action()
        before = count()
        action()
        costs[what] = count() - before
    return costs


def _compiled(directory: Path) -> Path:
    source, program = Path(__file__).with_name("constant.c"), directory / "constant"
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "fuse3"], check=True, capture_output=True, text=True
    )
    words = ["gcc", "-O2", "-Wall", "-o", str(program), str(source)]
    subprocess.run([*words, *shlex.split(flags.stdout)], check=True)
    return program


@contextlib.contextmanager
def _constant(program: Path, point: Path) -> Iterator[Path]:
    point.mkdir(exist_ok=True)
    process = subprocess.Popen([program, point, str(COUNT), str(SIZE)])
    try:
        wait_until(lambda: is_mounted(point), "the program in C")
        yield point
    finally:
        subprocess.run(["fusermount3", "-u", "-z", point], check=False)
        process.wait(20)
