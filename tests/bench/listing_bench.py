"""Measures how a tracked directory's listing becomes a snapshot: time and peak memory.

Run: python tests/bench/listing_bench.py [files] [where]     (default 100,000 remote)

`where` says who knows the sizes: `remote` (a local-directory remote, by LIST), `cache` (the DVC
cache, by stat) or `known` (the catalog: another version of the directory was mounted before).
Limits to stay under: 100,000 files in 4 s and 250 MiB, 1,000,000 files in 40 s and 800 MiB.

The building process is a child of the one that makes the data, so that its memory is its own.
"""

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from vfs.catalog import Catalog
from vfs.config import Settings
from vfs.testing.handmade import HandmadeRepository, pointer
from vfs.testing.sandbox import Sandbox
from vfs.types import Algorithm, Digest
from vfs.workspace import open_workspace


def main(count: int, where: str) -> None:
    """Make the data, then measure in a child."""
    sandbox = Sandbox.temporary()
    try:
        repository = HandmadeRepository(sandbox, sandbox.root / "repository")
        started = time.perf_counter()
        make(repository, count, where)
        print(f"made {count:,} objects in {time.perf_counter() - started:.1f} s", flush=True)
        arguments = [sys.executable, __file__, "measure", str(repository.root), str(count), where]
        subprocess.run(arguments, check=True)
    finally:
        shutil.rmtree(sandbox.root)


def make(repository: HandmadeRepository, count: int, where: str) -> None:
    """A listing of `count` files; their objects lie on the remote, in the cache, or nowhere."""
    store = repository.root / ".dvc" / "cache" if where == "cache" else repository.remote
    rows = []
    for prefix in range(256):
        (store / "files" / "md5" / f"{prefix:02x}").mkdir(parents=True, exist_ok=True)
    for index in range(count):
        oid = oid_of(index)
        rows.append(f'{{"md5": "{oid}", "relpath": "train/{index // 1000:06d}/{index:08d}.jpg"}}')
        if where != "known":
            path = store / "files" / "md5" / oid[:2] / oid[2:]
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o444)
            os.ftruncate(descriptor, index % 10_000 + 1)
            os.close(descriptor)
    data = f"[{', '.join(rows)}]".encode()
    name = hashlib.md5(data).hexdigest() + ".dir"
    target = store / "files" / "md5" / name[:2] / name[2:]
    target.write_bytes(data)
    config = f"[core]\n    remote = store\n['remote \"store\"']\n    url = {repository.remote}\n"
    repository.commit_raw(
        {".dvc/config": config.encode(), "data.dvc": pointer("data", name, 1, count)}
    )


def oid_of(index: int) -> str:
    """A made-up object id."""
    return hashlib.md5(b"%d" % index).hexdigest()


def measure(root: Path, count: int, where: str) -> None:
    """Build the snapshot twice, list and stat everything."""
    settings = Settings(cache_dir=root.parent / "cache", cache_limit=1 << 30, min_free=0)
    if where == "known":
        catalog = Catalog.open(settings.cache_dir / "catalog")
        catalog.learn(
            (Digest(Algorithm.MD5, bytes.fromhex(oid_of(i))), i + 1, 0) for i in range(count)
        )
        catalog.close()
    workspace = open_workspace(root, settings)
    print(f"start: peak {peak():.0f} MiB")
    for label in ("first", "second"):
        started = time.perf_counter()
        snapshot = workspace.snapshot("HEAD")
        seconds = time.perf_counter() - started
        print(f"{label} snapshot: {seconds:.2f} s, peak {peak():.0f} MiB, {snapshot.totals}")
        assert snapshot.problems == ()
        assert snapshot.totals.files == count + 2
    workspace.close()
    started = time.perf_counter()
    workspace = open_workspace(root, settings)
    snapshot = workspace.snapshot("HEAD")
    print(f"new process' snapshot: {time.perf_counter() - started:.3f} s")
    started = time.perf_counter()
    files = sum(1 for _ in snapshot.walk())
    print(f"walk of {files:,} names: {time.perf_counter() - started:.2f} s, peak {peak():.0f} MiB")
    workspace.close()


def peak() -> float:
    """Peak resident memory of this process, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        chosen = sys.argv[1:] + ["100000", "remote"][len(sys.argv) - 1 :]
        main(int(chosen[0]), chosen[1])
