"""What a private view adds to a command: the same one in a view and started plainly, in turns."""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench.harness import Bench, Row, median, seconds, spread
from vfs.sandbox.view import View

RUNS = 15
FILES = 1_000


class Took(NamedTuple):
    """Milliseconds on the clock, and of processors, which other work on the machine changes less."""

    wall: float
    used: float


def run(bench: Bench) -> Iterator[Row]:
    """A command that does nothing, one that reads many files, and one that reads what lies below the working tree."""
    tree, lazy, plain = (bench.sandbox.root / name for name in ("tree", "lazy", "plain"))
    for directory in (tree / "own", lazy / "data"):
        _fill(directory)
    for name in (".git", ".dvc/tmp"):
        (tree / name).mkdir(parents=True)
    plain.mkdir()
    (plain / "own").symlink_to(tree / "own")
    (plain / "data").symlink_to(lazy / "data")
    hide = [f"data/{number:04d}" for number in range(FILES) if number % 10 != 7]

    def row(what: str, line: str, below: list[str], hide: list[str]) -> Row:
        argv = ["/bin/sh", "-c", line]

        def in_view() -> None:
            scratch = os.fspath(tree / ".dvc/tmp/run")
            with View(os.fspath(tree), scratch, below=below, hide=hide) as view:
                assert view.run([argv], os.fspath(tree), bench.sandbox.environ).code == 0
                assert list(view.changes()) == []

        def plainly() -> None:
            subprocess.run(argv, cwd=plain, env=bench.sandbox.environ, check=True)

        return _row(what, in_view, plainly)

    yield row("`true`", "true", [], [])
    yield row(f"reading {FILES:,} files of 4 KiB", "cat own/* > /dev/null", [], [])
    what = "that, and 100 files from a directory below, whose other 900 are hidden"
    yield row(what, "cat own/* data/*7 > /dev/null", [os.fspath(lazy)], hide)


def _fill(directory: Path) -> None:
    directory.mkdir(parents=True)
    for number in range(FILES):
        (directory / f"{number:04d}").write_bytes(os.urandom(4096))


def _row(what: str, in_view: Callable[[], None], plainly: Callable[[], None]) -> Row:
    """Both in turns; the first of each fills caches."""
    turns = [(_took(in_view), _took(plainly)) for _ in range(RUNS + 1)][1:]
    ours, theirs = zip(*turns, strict=True)
    value, plain = (median([took.wall for took in kind]) for kind in (ours, theirs))
    used, less = (median([took.used for took in kind]) for kind in (ours, theirs))
    more = value - plain
    yardstick = (
        f"plainly: {plain:.3g} ms ({spread([took.wall for took in theirs])}), {more:.3g} ms less; "
        f"processor time {used:.3g} ms, plainly {less:.3g} ms"
    )
    return Row(
        "sandbox", f"a private view: {what}", value, "ms", "<= 60 ms more than plainly", more <= 60,
        yardstick, spread([took.wall for took in ours]),
    )  # fmt: skip


def _took(action: Callable[[], None]) -> Took:
    before = _used()
    wall = seconds(action)
    return Took(wall * 1000, (_used() - before) * 1000)


def _used() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(kind)[:2]) for kind in kinds)
