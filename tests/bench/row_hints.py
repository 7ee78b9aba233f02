"""A shuffled epoch over small files through a mount, S3 (Ceph, in memory) that answers 20 ms later: plain, by the trace
of the run before, hinted, and fully cached.

20,000 files of 8 KiB (`--short`: 3,000), read by one reader that does nothing else, several epochs, each with another order; packed, and DVC's layout
(a tenth of them, as each takes a round trip). The chunk cache is emptied before each run, all ways in turns.
"""

import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench.harness import Bench, Row, drop_caches, median, spread
from tests.bench.row_epoch import SIZE, dvc_repository, packed_repository
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.latency import LateServer, start_late
from vfs.testing.mounts import Mount
from vfs.testing.s3_servers import start_rgw

FILES, LARGE = 3_000, 20_000
DELAY = 0.02
RUNS = 3
WAYS = ("plain order", "traced", "hinted", "cached")


def run(bench: Bench) -> Iterator[Row]:
    """Files per second of each way."""
    count = LARGE if bench.large else FILES
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="vfs-rgw-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        (directory / "ceph").mkdir()
        server = start_rgw(directory / "ceph")
        stack.callback(server.stop)
        (directory / "late").mkdir()
        late: LateServer = start_late(directory / "late", DELAY, upstream=server.port)
        stack.callback(late.stop)
        made = random.Random(1)
        files = {f"f{n:05}": made.randbytes(SIZE) for n in range(count)}
        packed = packed_repository(bench.sandbox, server, late, files)
        few = dict(list(files.items())[: count // 10])
        plain = dvc_repository(bench.sandbox, server, late, few)
        for layout, repository, names in (("packed", packed, files), ("DVC's layout", plain, few)):
            yield from _rows(bench, layout, repository, list(names))


def _rows(
    bench: Bench, layout: str, repository: HandmadeRepository, names: list[str]
) -> Iterator[Row]:
    speeds: dict[str, list[float]] = {way: [] for way in WAYS}
    for seed in range(RUNS):
        order = list(names)
        random.Random(seed).shuffle(order)
        for way, speed in _epochs(bench, repository, order).items():
            speeds[way].append(speed)
    plain, traced, hinted, cached = (median(speeds[way]) for way in WAYS)
    target = ">= 0.8 x fully cached" if layout == "packed" else ">= 8 x without a hint"
    reached = hinted >= 0.8 * cached if layout == "packed" else hinted >= 8 * plain
    yield Row(
        "hints", f"cold shuffled epoch over {len(names):,} x 8 KiB, S3 + 20 ms, {layout}, hinted",
        hinted, "files/s", target, reached,
        f"without a hint {plain:.3g} ({hinted / plain:.1f} x), traced {traced:.3g}, fully cached {cached:.4g} ({hinted / cached:.2f} x)",
        spread(speeds["hinted"]),
    )  # fmt: skip


def _epochs(bench: Bench, repository: HandmadeRepository, order: Sequence[str]) -> dict[str, float]:
    speeds = {}
    for way in WAYS:
        if way in ("plain order", "hinted"):
            reads = Path(bench.sandbox.environ["XDG_STATE_HOME"]) / "vfs" / "reads"
            shutil.rmtree(reads, ignore_errors=True)
        if way != "cached":
            shutil.rmtree(Path(bench.sandbox.environ["XDG_CACHE_HOME"]) / "vfs", ignore_errors=True)
        drop_caches()
        mount: Mount = bench.mounts(repository.root)
        argv: list[str | Path] = [sys.executable, "-c", _READ, mount.path / "data", way]
        done = bench.sandbox.run(argv, stdin="\0".join(order).encode())
        speeds[way] = len(order) / float(done.stdout)
        used = mount.daemon().cpu_times()
        print(
            f"    {way}: {1000 * (used.user + used.system) / len(order):.2f} ms of the daemon's processor per file, mounting included",
            file=sys.stderr,
        )
        mount.umount()
    return speeds


_READ = f"""\
import os, sys, time
from vfs.hints import Prefetcher
data, way = sys.argv[1:]
order = sys.stdin.read().split("\\0")
began = time.perf_counter()
for name in Prefetcher(data, order) if way == "hinted" else order:
    with open(os.path.join(data, name), "rb") as file:
        assert len(file.read()) == {SIZE}
print(time.perf_counter() - began)
"""
