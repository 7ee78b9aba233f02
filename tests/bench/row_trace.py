"""What a trace adds to a command in a private view: the same one watched and not, in turns."""

import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench.harness import Bench, Row, median, spread
from vfs.sandbox.trace import IGNORED
from vfs.sandbox.view import View

RUNS = 7
FILES = 10_000
DIRECTORIES = 100
_BUILD = """\
import hashlib, os
for top, _, names in os.walk("src"):
    for name in names:
        with open(os.path.join(top, name), "rb") as file:
            hashlib.sha256(file.read()).digest()
"""
LINES = (
    (
        "a build, 100 C files of 100 headers each",
        "for unit in src/d*/unit.c; do cc -c -o unit.o $unit; done",
    ),
    ("a Python program that hashes them", f"{sys.executable} -I -S .git/build.py"),
    ("`tar`, packed by `gzip -1`", "tar c src | gzip -1 > /dev/null"),
    ("`wc`", "find src -type f -print0 | xargs -0 wc > /dev/null"),
)


class Took(NamedTuple):
    """Milliseconds: of the commands on the clock and of processors, and of processors for all that a run is."""

    clock: float
    used: float
    whole: float


def run(bench: Bench) -> Iterator[Row]:
    """Programs that read 10,000 files of 4 KiB of text in 100 directories, each with a C file that includes its 100."""
    tree = bench.sandbox.root / "tree"
    for number in range(FILES):
        path = tree / "src" / f"d{number % DIRECTORIES}" / f"file{number:05}.h"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"int value_{number}_is_of_a_header(int of, long many);\n" * 75, "ascii")
        with path.with_name("unit.c").open("a", encoding="ascii") as unit:
            unit.write(f'#include "{path.name}"\n')
    for name in (".git", ".dvc/tmp"):
        (tree / name).mkdir(parents=True)
    (tree / ".git/build.py").write_text(_BUILD, encoding="ascii")
    for what, line in LINES:
        turns = [
            (_took(bench, tree, line, True), _took(bench, tree, line, False))
            for _ in range(RUNS + 1)
        ][1:]  # the first fills caches
        ours, theirs = ([turn[index] for turn in turns] for index in (0, 1))
        more = [(one.used / other.used - 1) * 100 for one, other in turns]
        clocks = [median([took.clock for took in kind]) for kind in (ours, theirs)]
        whole = median([one.whole - other.whole for one, other in turns])
        yield Row(
            "trace", f"a traced run: {what}, {FILES:,} files; processor time", median(more), "% more", "<= 5 %", median(more) <= 5,
            f"untraced: {median([took.used for took in theirs]):.3g} ms; on the clock {clocks[0]:.3g} ms, untraced {clocks[1]:.3g}; "
            f"sandbox and trace themselves: {whole:.3g} ms of the other processor", spread(more),
        )  # fmt: skip


def _took(bench: Bench, tree: Path, line: str, traced: bool) -> Took:
    """One run; what the commands took is told by the shell."""
    said, saying = os.pipe()
    scratch = os.fspath(tree / ".dvc/tmp/run")
    argv = ["/bin/bash", "-c", f"TIMEFORMAT='%R %U %S'; time {{ {line}; }}"]
    before = _used()
    with View(os.fspath(tree), scratch, unwatched=IGNORED if traced else None) as view:
        assert view.run([argv], os.fspath(tree), bench.sandbox.environ, stderr=saying).code == 0
        if traced:
            assert view.trace is not None
            assert view.trace.gaps == ()
            assert len(view.trace.touches) >= FILES
    os.close(saying)
    with open(said, encoding="ascii") as pipe:
        clock, user, system = (float(word) * 1000 for word in pipe.read().split())
    used = user + system
    return Took(clock, used, _used() - before - used)


def _used() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(kind)[:2]) for kind in kinds) * 1000
