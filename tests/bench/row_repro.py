"""What pipelines cost: a walk that finds nothing to do, and what a run takes besides its command."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import Bench, Row, median, repeat, seconds, spread

STAGES = 200
DVC = Path(__file__).parents[2] / ".tools" / "dvc3" / "bin" / "dvc"


def run(bench: Bench) -> Iterator[Row]:
    """`vfs repro` of 200 stages that did not change, and of 200 that did; dvc beside the first."""
    root = bench.sandbox.root / "pipeline"
    root.mkdir()
    bench.sandbox.git(root, "init", "-q", ".")
    vfs = [sys.executable, "-m", "vfs_cli"]
    bench.sandbox.run([*vfs, "init"], cwd=root)
    (root / "dvc.yaml").write_text(_pipeline())
    (root / "seed").write_text("seed\n")
    (root / "params.yaml").write_text("".join(f"p{n}: {n}\n" for n in range(STAGES)))

    def timed(*argv: object) -> float:
        """Processor time of one command: of this process's children, which are waited for."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [str(word) for word in argv], cwd=root, env=bench.sandbox.environ, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    whole = seconds(lambda: timed(*vfs, "repro"))
    timed(*vfs, "repro")  # what was too young to be remembered is read once more
    yardstick = f"dvc repro: {timed(DVC, 'repro'):.2f} s" if DVC.exists() else "no dvc here"
    values = repeat(lambda: timed(*vfs, "repro"), 5)
    value = median(values)
    what = f"`vfs repro`, {STAGES} stages, nothing to do, processor time"
    yield Row("repro", what, value, "s", "<= 0.5 s", value <= 0.5, yardstick, spread(values))
    each = whole / STAGES * 1000
    yield Row(
        "repro", "`vfs repro`, a stage that runs `echo`", each, "ms", "<= 150 ms", each <= 150,
        f"{STAGES} of them", "",
    )  # fmt: skip


def _pipeline() -> str:
    lines = ["stages:"]
    for number in range(STAGES):
        dep = f"out{number - 1}" if number % 10 else "seed"
        lines += [
            f"  s{number}:", f"    cmd: (cat {dep}; echo {number}) > out{number}",
            f"    deps: [{dep}]", f"    params: [p{number}]", f"    outs: [out{number}]",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"
