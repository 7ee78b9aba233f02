"""What a private view adds to a command: the same one in a view and started plainly, in turns."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.harness import Bench, Row, median, seconds, spread
from vfs.sandbox.view import View

RUNS = 15
FILES = 1_000


def run(bench: Bench) -> Iterator[Row]:
    """A command that does nothing, one that reads many files, and one that reads what lies below the working tree."""
    tree = bench.sandbox.root / "tree"
    lazy = bench.sandbox.root / "lazy"
    for at in (tree, lazy):
        _fill(at / "data")
    (tree / "data").rename(tree / "own")
    for name in (".git", ".dvc/tmp"):
        (tree / name).mkdir(parents=True)
    yield _row(bench, tree, "`true`", "true")
    yield _row(bench, tree, f"reading {FILES:,} files of 4 KiB", "cat own/* > /dev/null")
    what = f"reading {FILES:,} files from a directory below it, others hidden"
    yield _row(bench, tree, what, "cat data/*7 > /dev/null; cat own/* > /dev/null", lazy)


def _fill(directory: Path) -> None:
    directory.mkdir(parents=True)
    for number in range(FILES):
        (directory / f"{number:04d}").write_bytes(os.urandom(4096))


def _row(bench: Bench, tree: Path, what: str, line: str, lazy: Path | None = None) -> Row:
    """Wall time, and a plain run of the same command; where lazy is given, in a tree that has it all."""
    environment = bench.sandbox.environ
    argv = ["/bin/sh", "-c", line]
    plain = tree
    below, hide = [], []
    if lazy is not None:
        plain = bench.sandbox.root / "plain"
        plain.mkdir()
        (plain / "own").symlink_to(tree / "own")
        (plain / "data").symlink_to(lazy / "data")
        below = [os.fspath(lazy)]
        hide = [f"data/{number:04d}" for number in range(FILES) if number % 10 != 7]
    bare = [sys.executable, "-I", "-S", "-c", "import ctypes"]
    times: tuple[list[float], list[float], list[float]] = ([], [], [])
    for number in range(RUNS + 1):
        took = (
            _in_view(tree, argv, environment, below, hide),
            _plainly(plain, argv, environment),
            _plainly(plain, bare, environment),
        )
        for kept, value in zip(times, took, strict=True):
            if number:  # the first fills caches
                kept.append(value * 1000)
    ours, theirs, python = (median(values) for values in times)
    more = ours - theirs
    return Row(
        "sandbox", f"a private view of {what}", ours, "ms", "<= 60 ms more than plainly", more <= 60,
        f"plainly: {theirs:.3g} ms ({spread(times[1])}); {more:.3g} ms more; a Python with ctypes: {python:.3g} ms", spread(times[0]),
    )  # fmt: skip


def _in_view(
    tree: Path, argv: Sequence[str], environment: dict[str, str], below: list[str], hide: list[str]
) -> float:
    def action() -> None:
        scratch = tree / ".dvc/tmp/run"
        with View(os.fspath(tree), os.fspath(scratch), below=below, hide=hide) as view:
            assert view.run([argv], os.fspath(tree), environment).code == 0
            assert list(view.changes()) == []

    return seconds(action)


def _plainly(tree: Path, argv: Sequence[str], environment: dict[str, str]) -> float:
    return seconds(lambda: subprocess.run(argv, cwd=tree, env=environment, check=True))
