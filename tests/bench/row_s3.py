"""Reading from a real S3 server (Ceph RADOS Gateway) with nothing cached; boto3 beside it."""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.bench.harness import (
    GIB,
    MIB,
    Bench,
    Row,
    median,
    read_through,
    repeat,
    seconds,
    spread,
    touch_memory,
)
from vfs.testing.handmade import HandmadeRepository, md5, object_path, pointer
from vfs.testing.mounts import Mount
from vfs.testing.s3_servers import S3Server, start_rgw

SIZE = GIB
PIECE = 8 * MIB
FIRST_BYTES = 24


def run(bench: Bench) -> Iterator[Row]:
    """Throughput of one large object, and the delay to a first byte."""
    directory = bench.sandbox.root / "rgw"
    directory.mkdir()
    server = start_rgw(directory)
    try:
        yield from _measure(bench, server)
    finally:
        server.stop()


def _measure(bench: Bench, server: S3Server) -> Iterator[Row]:
    bucket = server.new_bucket()
    repo = HandmadeRepository(
        bench.sandbox,
        bench.sandbox.root / "s3",
        remote_url=f"s3://{bucket}",
        remote_options=server.options,
    )
    key = _fill(repo, server.client(connections=16), bucket)
    mount = bench.mounts.prepare(repo.root)
    touch_memory(4 * GIB)
    ours = repeat(lambda: _cold(bench, mount), 3)
    client = server.client(connections=32)
    stored = median(repeat(lambda: _download(client, bucket, key, bench.sandbox.root / "copy"), 3))
    theirs = {
        threads: median(repeat(lambda threads=threads: _boto(client, bucket, key, threads), 3))  # type: ignore[misc]
        for threads in (8, 16)
    }
    best = max(theirs.values())
    value = median(ours)
    yield Row(
        "s3", "cold sequential read of 1 GiB from S3", value, "MB/s", ">= 80 % of boto3",
        value >= 0.8 * best,
        f"boto3, best of 8 and 16 threads: {best:,.0f} MB/s; its download to a file: {stored:,.0f} MB/s",
        spread(ours),
    )  # fmt: skip
    delays = [_first_byte(mount.path / f"f{n}.bin") * 1000 for n in range(1, FIRST_BYTES)]
    trips = [_round_trip(client, bucket, n) * 1000 for n in range(FIRST_BYTES)]
    value, trip = median(delays), median(trips)
    yield Row(
        "s3", "open + first byte of an object never seen", value, "ms",
        "<= one round trip + 10 ms", value <= trip + 10, f"one GET by boto3: {trip:.3g} ms",
        spread(delays),
    )  # fmt: skip


def _content(number: int) -> bytes:
    return number.to_bytes(8, "little") * (MIB // 8)


def _fill(repo: HandmadeRepository, client: Any, bucket: str) -> str:
    data = b"".join(os.urandom(MIB) for _ in range(SIZE // MIB))
    blobs = {".dvc/config": repo.config()}
    key = object_path(Path(), md5(data)).as_posix()
    client.put_object(Bucket=bucket, Key=key, Body=data)
    blobs["big.bin.dvc"] = pointer("big.bin", md5(data), SIZE)
    for number in range(FIRST_BYTES):
        small = _content(number)
        oid = md5(small)
        client.put_object(Bucket=bucket, Key=object_path(Path(), oid).as_posix(), Body=small)
        blobs[f"f{number}.bin.dvc"] = pointer(f"f{number}.bin", oid, len(small))
    repo.commit_raw(blobs, tag="v1")
    return key


def _cold(bench: Bench, mount: Mount) -> float:
    """MB/s of one read with an empty cache, by a daemon that has just answered its first small read."""
    if mount.path.exists():
        mount.umount()
    shutil.rmtree(Path(bench.sandbox.environ["XDG_CACHE_HOME"]) / "vfs", ignore_errors=True)
    mount.start("v1")
    _first_byte(mount.path / "f0.bin")
    return SIZE / 1e6 / seconds(lambda: read_through(mount.path / "big.bin"))


def _boto(client: Any, bucket: str, key: str, threads: int) -> float:
    """MB/s of parallel ranged GETs into memory."""

    def get(start: int) -> int:
        span = f"bytes={start}-{start + PIECE - 1}"
        return len(client.get_object(Bucket=bucket, Key=key, Range=span)["Body"].read())

    def action() -> None:
        with ThreadPoolExecutor(threads) as pool:
            assert sum(pool.map(get, range(0, SIZE, PIECE))) == SIZE

    return SIZE / 1e6 / seconds(action)


def _download(client: Any, bucket: str, key: str, target: Path) -> float:
    """MB/s of boto3's own parallel download to a file, which keeps the bytes as we do."""
    taken = seconds(lambda: client.download_file(bucket, key, str(target)))
    target.unlink()
    return SIZE / 1e6 / taken


def _first_byte(path: Path) -> float:
    def action() -> None:
        descriptor = os.open(path, os.O_RDONLY)
        assert len(os.pread(descriptor, 1, 0)) == 1
        os.close(descriptor)

    return seconds(action)


def _round_trip(client: Any, bucket: str, number: int) -> float:
    key = object_path(Path(), md5(_content(number))).as_posix()
    return seconds(
        lambda: client.get_object(Bucket=bucket, Key=key, Range="bytes=0-4095")["Body"].read()
    )
