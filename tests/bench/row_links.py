"""Many files through a link some of whose answers do not come: with and without asking twice for what is late."""

import json
import random
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.bench.harness import Bench, Row, median, spread
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.slow_server import start_slow
from vfs.testing.web_servers import StoreServer

DELAY = 0.02
STALLS = 0.01
STALLED = 10.0
FILES = 1_000
SIZE = 16 << 10
READERS = 8
RUNS = 3


def run(bench: Bench) -> Iterator[Row]:
    """Time of all, and of the slowest reads, in turns."""
    servers = {}
    repositories = {}
    content = random.Random(1)
    files = {f"f{n:04d}.bin": content.randbytes(SIZE) for n in range(FILES)}
    try:
        for name, stalls in (("stalls", STALLS), ("none", 0.0)):
            directory = bench.sandbox.root / name
            directory.mkdir()
            servers[name] = start_slow(directory, delay=DELAY, stalls=stalls, seconds=STALLED)
            repositories[name] = _fill(bench, name, servers[name], files)
        cases = {
            "hedged": ("stalls", "5"),
            "plain": ("stalls", "0"),
            "calm": ("none", "5"),
        }
        times: dict[str, list[float]] = {case: [] for case in cases}
        slowest: dict[str, list[float]] = {case: [] for case in cases}
        sent = 0
        for _ in range(RUNS):
            for case, (name, hedge) in cases.items():
                taken, late, asked = _cold(bench, repositories[name], hedge, files)
                times[case].append(taken)
                slowest[case].append(late)
                sent += asked if case == "hedged" else 0
        yield from _rows(times, slowest, sent)
    finally:
        for server in servers.values():
            server.stop()


def _rows(
    times: dict[str, list[float]], slowest: dict[str, list[float]], sent: int
) -> Iterator[Row]:
    what = (
        f"{FILES} cold files of {SIZE >> 10} KiB, {READERS} readers, 20 ms, 1 % of GETs stall 10 s"
    )
    value, calm = median(times["hedged"]), median(times["calm"])
    yield Row(
        "links", what, value, "s", "<= 1.5 x the same without stalls", value <= 1.5 * calm,
        f"without asking twice: {median(times['plain']):.3g} s; without stalls: {calm:.3g} s; "
        f"second requests: {sent / RUNS:.0f} a run",
        spread(times["hedged"]),
    )  # fmt: skip
    value, calm = (median(slowest[case]) * 1000 for case in ("hedged", "calm"))
    yield Row(
        "links", "the 99th of 100 of those reads", value, "ms", "<= 5 x the same without stalls",
        value <= 5 * calm,
        f"without asking twice: {median(slowest['plain']) * 1000:,.0f} ms; without stalls: {calm:.3g} ms",
        spread([each * 1000 for each in slowest["hedged"]]),
    )  # fmt: skip


def _fill(
    bench: Bench, name: str, server: StoreServer, files: dict[str, bytes]
) -> HandmadeRepository:
    repository = HandmadeRepository(
        bench.sandbox, bench.sandbox.root / f"{name}-repository",
        remote_url=f"http://127.0.0.1:{server.port}",
    )  # fmt: skip
    repository.commit(directories={"d": files}, tag="v1")
    shutil.copytree(repository.remote, server.root, dirs_exist_ok=True)
    repository.lose_remote()
    return repository


def _cold(
    bench: Bench, repository: HandmadeRepository, hedge: str, files: dict[str, bytes]
) -> tuple[float, float, int]:
    """Seconds of all reads and of the slowest but one in a hundred, and how many requests were sent twice."""
    mount = bench.mounts.prepare(repository.root)
    mount.start("v1", "-o", f"transfer.hedge={hedge}")
    mount.cli("cache", "clear")  # of blocks; the sizes are known from now on
    names = list(files)

    def read(name: str) -> float:
        started = time.perf_counter()
        assert (mount.path / "d" / name).read_bytes() == files[name]
        return time.perf_counter() - started

    with ThreadPoolExecutor(READERS) as pool:
        started = time.perf_counter()
        taken = sorted(pool.map(read, names))
        whole = time.perf_counter() - started
    status = json.loads(mount.cli("status", mount.path, "--json").stdout)
    mount.umount()
    return (
        whole,
        taken[len(taken) * 99 // 100],
        sum(r["hedges"] for r in status["remotes"].values()),
    )
