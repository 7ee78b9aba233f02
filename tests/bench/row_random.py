"""Random 4 KiB reads with O_DIRECT of bytes in the chunk store, by fio; the no-op daemon beside it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import MIB, Bench, Row, median, read_through, spread
from tests.bench.noop import noop

SIZE = 256 * MIB
RUNS = 3


def run(bench: Bench) -> Iterator[Row]:
    """Reads per second and the 99th percentile of latency."""
    repo = bench.repository("random")
    repo.commit(files={"big.bin": os.urandom(SIZE)}, tag="v1")
    mount = bench.mounts(repo.root, "v1")
    read_through(mount.path / "big.bin")
    ours, theirs = [], []
    with noop(bench.sandbox.root / "noop", 1, SIZE) as point:
        for _ in range(RUNS):
            ours.append(_fio(bench, mount.path / "big.bin"))
            theirs.append(_fio(bench, point / "d0000" / "f0000000.bin"))
    value, ceiling = median([x[0] for x in ours]), median([x[0] for x in theirs])
    yield Row(
        "random",
        "chunk-warm 4 KiB random O_DIRECT",
        value,
        "reads/s",
        ">= 0.8 x no-op daemon",
        value >= 0.8 * ceiling,
        f"no-op daemon: {ceiling:,.0f}/s",
        spread([x[0] for x in ours]),
    )
    value, ceiling = median([x[1] for x in ours]), median([x[1] for x in theirs])
    yield Row(
        "random",
        "99th percentile of that",
        value,
        "us",
        "<= 400 us",
        value <= 400,
        f"no-op daemon: {ceiling:.0f} us",
        spread([x[1] for x in ours]),
    )


def _fio(bench: Bench, path: Path) -> tuple[float, float]:
    argv = [
        "fio",
        "--name=r",
        f"--filename={path}",
        "--rw=randread",
        "--bs=4k",
        "--direct=1",
        "--ioengine=psync",
        "--runtime=5",
        "--time_based",
        "--readonly",
        "--output-format=json",
    ]
    report = json.loads(bench.sandbox.run(argv).stdout)["jobs"][0]["read"]
    return float(report["iops"]), report["clat_ns"]["percentile"]["99.000000"] / 1000
