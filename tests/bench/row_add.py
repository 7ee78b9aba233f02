"""Tracking data: `vfs add` beside `dvc add` of the same files, and beside hashing them once.

Each has a working tree of its own with the same bytes; a step is done by one right after the other. What was deleted
shortly before slows ext4 down when it looks for free inodes, so nothing is deleted before the end.
"""

import hashlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.bench.harness import GIB, MIB, Bench, Row, median, seconds, spread, touch_memory
from vfs.testing.fix_dvc import program

SMALL = 20_000
SMALL_SIZE = 8 << 10
BIG = 20
BIG_SIZE = 64 * MIB
RUNS = 3


@dataclass
class Tree:
    """One working tree and the program that works in it."""

    bench: Bench
    root: Path
    program: Path

    def run(self, *arguments: str) -> "Step":
        """What a command line takes."""
        argv: list[str | Path] = [self.program, *arguments]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = seconds(
            lambda: subprocess.run(
                argv,
                cwd=self.root,
                env=self.bench.sandbox.environ,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Step(wall, used)


class Step(NamedTuple):
    """Seconds on the clock, and seconds of processors."""

    wall: float
    used: float


def run(bench: Bench) -> Iterator[Row]:
    """`add` of small and of big files, again after changes, and of one file."""
    dvc = program("VFS_TEST_DVC3", "dvc3")
    touch_memory(6 * GIB)
    trees = [
        _new(bench, "ours", Path(sys.executable).parent / "vfs", dvc),
        _new(bench, "theirs", dvc, dvc),
    ]
    for tree in trees:
        _fill(tree.root / "small", SMALL, SMALL_SIZE)
        _fill(tree.root / "big", BIG, BIG_SIZE)
    os.sync()
    for name, target in (("small", 4.0), ("big", 1.5)):
        shown = f"{SMALL:,} x 8 KiB" if name == "small" else f"{BIG} x 64 MiB"
        ours, theirs = ([tree.run("add", name)] for tree in trees)
        floor = _hash(trees[0].root / name)
        more = f"; reading and MD5 alone: {floor:.3g} s"
        yield _row(f"`add` of {shown}", ours, theirs, target, more)
    ours, theirs = _steps(trees, _change, ["add", "small"])
    yield _row(f"`add` again, 2,000 of {SMALL:,} changed", ours, theirs, 5.0)
    ours, theirs = _steps(trees, lambda tree, number: None, ["add", "small"])
    yield _row(f"`add` again, nothing of {SMALL:,} changed", ours, theirs, 0)
    ours, theirs = _steps(trees, lambda tree, number: None, ["status"])
    value, other = (median([step.wall for step in steps]) for steps in (ours, theirs))
    yield Row(
        "add", f"`status`, nothing of {SMALL:,} and {BIG} files changed", value, "s", "<= 0.3 s and >= 4 x dvc",
        value <= 0.3 and other >= 4 * value, _beside(ours, theirs), spread([s.wall for s in ours]),
    )  # fmt: skip
    ours, theirs = _steps(trees, _one, ["add", "small/000/new"])
    value = median([step.wall for step in ours])
    yield Row(
        "add", f"`add` of one file into a directory of {SMALL:,}", value, "s", "<= 0.3 s", value <= 0.3,
        _beside(ours, theirs), spread([step.wall for step in ours]),
    )  # fmt: skip


def _new(bench: Bench, name: str, program: Path, dvc: Path) -> Tree:
    root = bench.sandbox.root / name
    root.mkdir()
    bench.sandbox.git(root, "init", "-q", ".")
    bench.sandbox.run([dvc, "init", "-q"], cwd=root)
    return Tree(bench, root, program)


def _fill(directory: Path, count: int, size: int) -> None:
    """The same bytes for each tree, none of them twice."""
    for number in range(count):
        path = directory / f"{number // 200:03d}" / f"{number:05d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_content(number, size))


def _content(number: int, size: int) -> bytes:
    seed = hashlib.shake_128(b"%d %d" % (number, size)).digest(min(size, MIB))
    return b"".join(
        piece.to_bytes(8, "little") + seed[8:] for piece in range(max(1, size // len(seed)))
    )


def _change(tree: Tree, number: int) -> None:
    directory = tree.root / "small"
    for at in range(0, SMALL, 10):
        path = directory / f"{at // 200:03d}" / f"{at:05d}.bin"
        path.write_bytes(_content(at, SMALL_SIZE)[:-1] + bytes((number + 1,)))


def _one(tree: Tree, number: int) -> None:
    (tree.root / "small/000/new").write_bytes(b"%d" % number)


def _hash(directory: Path) -> float:
    """Seconds that reading and hashing once take, on one core."""
    began = time.perf_counter()
    for path in sorted(directory.rglob("*.bin")):
        with path.open("rb") as file:
            hashlib.file_digest(file, "md5")
    return time.perf_counter() - began


def _steps(
    trees: list[Tree], prepare: Callable[[Tree, int], None], arguments: list[str]
) -> list[list[Step]]:
    """A step in each tree, prepared anew each time.

    What was prepared is on the disk before the clock starts, for both: `vfs add` ends with the one `syncfs` that DVC does without, which
    would wait for what the benchmark wrote as well.
    """
    found: list[list[Step]] = [[], []]
    for number in range(RUNS):
        for tree, times in zip(trees, found, strict=True):
            prepare(tree, number)
            os.sync()
            times.append(tree.run(*arguments))
    return found


def _beside(ours: list[Step], theirs: list[Step]) -> str:
    """DVC's figures, and what both used of the processors, which other work on the machine changes less."""
    wall, used = (median([step[part] for step in theirs]) for part in (0, 1))
    mine = median([step.used for step in ours])
    return f"dvc: {wall:.3g} s; processor time {mine:.3g} s, dvc {used:.3g} s"


def _row(what: str, ours: list[Step], theirs: list[Step], target: float, more: str = "") -> Row:
    value, other = (median([step.wall for step in steps]) for steps in (ours, theirs))
    words = f">= {target:g} x dvc" if target else ""
    return Row(
        "add", what, value, "s", words, other >= target * value if target else None,
        f"{_beside(ours, theirs)}{more}", spread([s.wall for s in ours]) if len(ours) > 1 else "",
    )  # fmt: skip
