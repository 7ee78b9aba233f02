"""Reads 1 GiB from a real S3 (Ceph, in memory) in ranges of 8 MiB: vfs, and boto3 as anybody would use it.

    python tests/bench/s3_bench.py [MIB]

Both run in turns in one process, 16 threads each; then 4 KiB reads on one connection.
"""

import itertools
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from vfs.remotes import Remote, RemoteSpec, open_remote
from vfs.testing.s3_servers import S3Server, start_rgw

RANGE = 8 << 20
THREADS = 16
ROUNDS = 5
SMALL = 500


def main() -> None:
    size = int(sys.argv[1] if len(sys.argv) > 1 else 1024) << 20
    directory = Path(tempfile.mkdtemp(prefix="vfs-bench-"))
    server = start_rgw(directory)
    try:
        run(server, size)
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def run(server: S3Server, size: int) -> None:
    bucket = server.new_bucket()
    remote = open_remote(RemoteSpec("bench", f"s3://{bucket}", server.options), jobs=THREADS)
    client: Any = server.client(connections=THREADS)
    block = random.Random(0).randbytes(RANGE)
    with tempfile.TemporaryFile() as file:
        for _ in range(size // RANGE):
            file.write(block)
        file.seek(0)
        remote.put("big", file)
    starts = range(0, size, RANGE)
    ways: dict[str, Callable[[int], int]] = {
        "vfs": lambda start: ours(remote, start),
        "boto3": lambda start: len(
            client.get_object(Bucket=bucket, Key="big", Range=f"bytes={start}-{start + RANGE - 1}")[
                "Body"
            ].read()
        ),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for _, (name, way) in itertools.product(range(ROUNDS), ways.items()):
        began, used = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(THREADS) as pool:
            assert sum(pool.map(way, starts)) == size
        speeds[name].append(size / (time.perf_counter() - began) / 2**20)
        costs[name].append((time.process_time() - used) / (size / 2**30))
    for name in ways:
        print(
            f"{name:6} {statistics.median(speeds[name]):7.0f} MiB/s (best {max(speeds[name]):.0f})"
            f"  {statistics.median(costs[name]):.2f} CPU s per GiB"
        )
    print(f"ratio {statistics.median(speeds['vfs']) / statistics.median(speeds['boto3']):.2f}")
    small_reads(remote, client, bucket)
    remote.close()


def ours(remote: Remote, start: int) -> int:
    """One range into a buffer, as the fetcher does it."""
    buffer = memoryview(bytearray(RANGE))
    done = 0
    with remote.get("big", start, RANGE) as body:
        while count := body.readinto(buffer[done:]):
            done += count
    return done


def small_reads(remote: Remote, client: Any, bucket: str) -> None:
    buffer = bytearray(4096)

    def one(start: int) -> None:
        with remote.get("big", start, 4096) as body:
            body.readinto(buffer)

    def theirs(start: int) -> None:
        header = f"bytes={start}-{start + 4095}"
        client.get_object(Bucket=bucket, Key="big", Range=header)["Body"].read()

    for name, read in (("vfs", one), ("boto3", theirs)):
        began, used = time.perf_counter(), time.process_time()
        for number in range(SMALL):
            read(number * 8192)
        wall, cpu = time.perf_counter() - began, time.process_time() - used
        print(f"{name:6} 4 KiB: {wall / SMALL * 1e3:.2f} ms each, {cpu / SMALL * 1e3:.2f} ms CPU")


if __name__ == "__main__":
    main()
