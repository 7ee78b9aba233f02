"""Pushing 20,000 x 8 KiB to a real S3 (Ceph, in memory) in packs of several sizes, reading it back, and a second version.

    python -m tests.bench.packed_push [MS]

With MS, the server is asked through a proxy that adds so many milliseconds to each answer.
"""

import hashlib
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from tests.bench.harness import MIB
from vfs.formats.dirlisting import listing_digest
from vfs.packed import (
    Item,
    Located,
    PackedPlace,
    PackedRemote,
    PackReader,
    Pointer,
    Pusher,
    learn_packs,
    read_files,
)
from vfs.remotes import Remote, RemoteSpec, Statistics, open_remote
from vfs.remotes.base import read_body
from vfs.testing.faulty_proxy import FaultyProxy, do_first
from vfs.testing.s3_servers import start_rgw
from vfs.types import Algorithm, Digest

FILES = 20_000
SIZE = 8192
PACKS = (8, 16, 32, 64)


class Data(NamedTuple):
    """A version on disk."""

    pointer: Pointer
    items: list[Item]


def make(directory: Path, seed: int, count: int) -> None:
    """Write the first `count` files anew."""
    made = random.Random(seed)
    directory.mkdir(exist_ok=True)
    for n in range(count):
        (directory / f"{n:05}").write_bytes(made.randbytes(SIZE))


def items_of(directory: Path) -> Data:
    items = []
    for path in sorted(directory.iterdir()):
        digest = Digest(Algorithm.MD5, hashlib.md5(path.read_bytes()).digest())
        items.append(Item(path.name.encode(), digest, SIZE, partial(_open, path)))
    found = listing_digest((item.path, item.digest.hex) for item in items)
    return Data(Pointer(Digest(Algorithm.MD5, found), True), items)


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", open(path, "rb", buffering=0))


class Timed(NamedTuple):
    """Seconds (on the clock, of our processor time), requests, MiB sent and received."""

    seconds: float
    cpu: float
    requests: int
    sent: float
    received: float


def timed(asked: Statistics, work: Callable[[], object]) -> Timed:
    before, began, cpu = asked.snapshot(), time.perf_counter(), time.process_time()
    work()
    seconds, after = time.perf_counter() - began, asked.snapshot()
    return Timed(
        seconds,
        time.process_time() - cpu,
        after.requests - before.requests,
        (after.sent - before.sent) / MIB,
        (after.received - before.received) / MIB,
    )


def push(remote: Remote, data: Data, pack: int, *bases: Pointer) -> None:
    store = PackedRemote(remote)
    known = learn_packs(store, bases, expected=FILES * SIZE)
    with Pusher(store, known, pack_bytes=pack * MIB) as pusher:
        pusher.add(data.pointer, data.items)
        pusher.finish()


def fetch(remote: Remote, data: Data, out: Path) -> None:
    manifest = PackedRemote(remote).manifest(data.pointer)
    out.mkdir()
    for piece in read_files(remote, manifest.root.packs, manifest.files()):
        (out / piece.file.path.decode()).write_bytes(piece.data)
    shutil.rmtree(out)


def demand(remote: Remote, data: Data, scratch: Path, *, shuffled: bool) -> None:
    manifest = PackedRemote(remote).manifest(data.pointer)
    files = list(manifest.files())
    if shuffled:
        random.Random(5).shuffle(files)
    with closing(PackReader(remote, scratch)) as reader:
        for file in files:
            place = PackedPlace(reader, "bench", Located(manifest.root.packs, file.chunks))
            read_body(place.get(0, file.size), file.size)


def main() -> None:
    """Print a row for each size of packs."""
    delay = float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0
    scratch = Path(tempfile.mkdtemp(prefix="vfs-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        make(scratch / "files", 1, FILES)
        first = items_of(scratch / "files")
        shutil.copytree(scratch / "files", scratch / "second")
        make(scratch / "second", 2, FILES // 10)
        second = items_of(scratch / "second")
        (scratch / "rgw").mkdir()
        server = start_rgw(scratch / "rgw")
        stack.callback(server.stop)
        proxy = stack.enter_context(FaultyProxy(server.port))
        for method in ("GET", "PUT", "HEAD"):
            proxy.always(do_first(partial(time.sleep, delay)), method)
        print("| pack | push | fetch | each read, in order | shuffled | second version |")
        print("|---|---|---|---|---|---|")
        for pack in PACKS:
            asked = Statistics()
            options = server.options | {"endpointurl": proxy.endpoint}
            if not delay:
                options = server.options
            spec = RemoteSpec("bench", f"s3://{server.new_bucket()}", options)
            with closing(open_remote(spec, statistics=asked)) as remote:
                cells = [
                    timed(asked, partial(push, remote, first, pack)),
                    timed(asked, partial(fetch, remote, first, scratch / "out")),
                    timed(asked, partial(demand, remote, first, scratch, shuffled=False)),
                    timed(asked, partial(demand, remote, first, scratch, shuffled=True)),
                    timed(asked, partial(push, remote, second, pack, first.pointer)),
                ]
            shown = [
                f"{one.seconds:.2f} s ({one.cpu:.2f}), {one.requests} requests, {one.sent + one.received:.1f} MiB"
                for one in cells
            ]
            print(f"| {pack} MiB | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
