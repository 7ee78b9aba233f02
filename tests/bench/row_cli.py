"""How long the command takes to start."""

import subprocess
import sys
from collections.abc import Iterator

from tests.bench.harness import Bench, Row, median, repeat, seconds, spread


def run(bench: Bench) -> Iterator[Row]:
    """`vfs --help` and `vfs status` beside an empty Python."""
    environ = bench.sandbox.environ

    def timed(*argv: str) -> float:
        return seconds(
            lambda: subprocess.run(
                [sys.executable, *argv], env=environ, check=True, stdout=subprocess.DEVNULL
            )
        )

    bare = median(repeat(lambda: timed("-c", "pass"), 9)) * 1000
    yardstick = f"python -c pass: {bare:.0f} ms"
    values = [v * 1000 for v in repeat(lambda: timed("-m", "vfs_cli", "--help"), 9)]
    value = median(values)
    yield Row(
        "cli", "`vfs --help`", value, "ms", "<= 120 ms", value <= 120, yardstick, spread(values)
    )

    repo = bench.repository("cli")
    repo.commit(plain={"x": b"x"}, tag="v1")
    bench.mounts(repo.root)
    values = [v * 1000 for v in repeat(lambda: timed("-m", "vfs_cli", "status"), 9)]
    value = median(values)
    what = "`vfs status`, one mount"
    yield Row("cli", what, value, "ms", "<= 200 ms", value <= 200, yardstick, spread(values))
