"""One million files of 1 KiB, tracked, pushed in packs, mounted and fetched in another clone (not with `--short`): seconds, memory.

Each verb runs once as its own process; memory is the most that it had resident, pages of mapped tables included.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench.harness import Bench, Row, flat_names, seconds

FILES = int(os.environ.get("VFS_BENCH_FILES", "1000000"))
SIZE = 1024
MOST = 1000.0
"""MB."""


class Step(NamedTuple):
    """Seconds on the clock, seconds of processors, MB."""

    wall: float
    used: float
    peak: float


def run(bench: Bench) -> Iterator[Row]:
    """The rows; nothing with `--short`."""
    if not bench.large:
        return
    root = bench.sandbox.root
    one, two = root / "one", root / "two"
    _begin(bench, one)
    for verb in ("add data", "status", "push", "push"):
        yield _row(verb, _vfs(bench, one, *verb.split()))
        if verb.startswith("add"):
            bench.sandbox.git(one, "add", "--all")
            bench.sandbox.git(one, "commit", "-q", "-m", "v1")
    bench.sandbox.git(root, "clone", "-q", one, two)
    yield from _mounted(bench, two)
    for verb in ("fetch", "checkout", "checkout", "status", "gc --workspace --dry-run", "fsck"):
        yield _row(verb, _vfs(bench, two, *verb.split()))


def _mounted(bench: Bench, clone: Path) -> Iterator[Row]:
    mount = None

    def start() -> None:
        nonlocal mount
        mount = bench.mounts(clone)

    wall = seconds(start)
    assert mount is not None
    yield _row("mount elsewhere", Step(wall, 0.0, bench.peak(mount)))
    command = ["ls", "-R", str(mount.path)]
    wall = seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    yield _row("ls -R", Step(wall, 0.0, bench.peak(mount)))
    mount.umount()


def _begin(bench: Bench, root: Path) -> None:
    root.mkdir()
    bench.sandbox.git(root, "init", "-q", ".")
    _vfs(bench, root, "init")
    _vfs(bench, root, "remote", "add", "--packed", "-d", "team", str(bench.sandbox.root / "remote"))
    for number, name in enumerate(flat_names(FILES)):
        path = root / "data" / name
        if number % 1000 == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(hashlib.shake_128(b"%d" % number).digest(SIZE))


def _vfs(bench: Bench, root: Path, *arguments: str) -> Step:
    """Run a verb."""
    status, usage = 0, None

    def run() -> None:
        nonlocal status, usage
        child = subprocess.Popen(
            [sys.executable, "-m", "vfs_cli", *arguments],
            cwd=root,
            env=bench.sandbox.environ,
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)

    wall = seconds(run)
    assert usage is not None
    assert status == 0, f"vfs {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}"
    used = usage.ru_utime + usage.ru_stime
    return Step(wall, used, usage.ru_maxrss * 1024 / 1e6)


def _row(what: str, step: Step) -> Row:
    each = step.wall / FILES * 1e6
    told = f"{each:.3g} us a file" + (f"; processor time {step.used:.3g} s" if step.used else "")
    return Row(
        "million", f"`{what}`, {FILES:,} x 1 KiB: {step.wall:.3g} s", step.peak, "MB", "<= 1 GB",
        step.peak <= MOST, told,
    )  # fmt: skip
