"""Formats that people map or read in part, cold from S3 (Ceph, in memory) with and without 20 ms a request, and warm.

Each is made by its own library (`formats_data`) and read as people do (`formats_readers`), by processes of their own that have imported
everything before the clock starts. Beside it stands `cat` of the same file in the same run, equally cold. *Useful* is what the readers wanted of what
was fetched; what several processes want is counted once.

    python -m tests.bench [--short] formats
    FORMATS=tensors,strides python -m tests.bench formats
    READ_AHEAD=128KiB python -m tests.bench formats     # what the kernel reads ahead (`mount.read_ahead`)
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.bench.formats_data import MAKERS, MIB
from tests.bench.harness import Bench, Row
from vfs.testing.faulty_proxy import FaultyProxy, do_first
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount
from vfs.testing.s3_servers import start_rgw

DELAY = 0.02
ROOT = Path(__file__).parents[2]


class Case(NamedTuple):
    """How one file is read.

    Attributes:
        reader: of `formats_readers`.
        file: of `formats_data`.
        what: for people.
        processes: how many at once.
        useful: the least part of what is fetched that must be wanted, 0 without a target.
        ratio: the most it may take of the time of `cat`, 0 without a target.
    """

    reader: str
    file: str
    what: str
    processes: int = 1
    useful: float = 0.0
    ratio: float = 0.0


CASES = (
    Case("tensors", "x.safetensors", "safetensors, 4 processes, tensors in other orders", 4, 0.95, 1.5),
    Case("columns", "x.parquet", "Parquet, 3 of 24 columns"),
    Case("array", "x.zarr", "Zarr, half of the chunks in order", useful=0.95),
    Case("slices", "x.h5", "HDF5, every fourth MiB"),
    Case("shard", "x.tar", "WebDataset tar, as a stream", useful=0.95),
    Case("rows", "x.npy", ".npy by memmap, all rows of 64 KiB in any order"),
    Case("queries", "x.sqlite", "SQLite, 200 rows by an index"),
    Case("values", "x.mdb", "LMDB, 200 values"),
    Case("members", "x.zip", "zip, a quarter of the members of 64 KiB in any order"),
    Case("cat", "x.bin", "sequential", useful=0.95),
    Case("anywhere", "x.bin", "random 256 KiB, a quarter of the file", useful=0.7),
    Case("strides", "x.bin", "1 MiB of every 17", useful=0.5),
    Case("backwards", "x.bin", "backwards, 256 KiB at a time", useful=0.95),
)  # fmt: skip


class Taken(NamedTuple):
    """Seconds, bytes wanted and fetched, and requests of one run."""

    seconds: float
    wanted: int
    fetched: int
    requests: int


def run(bench: Bench) -> Iterator[Row]:
    """Every case by both links."""
    size = (512 if bench.large else 64) * MIB
    chosen = [name for name in os.environ.get("FORMATS", "").split(",") if name]
    cases = [case for case in CASES if not chosen or case.reader in chosen]
    _settle(bench, os.environ.get("READ_AHEAD", ""))
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="vfs-rgw-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        server = start_rgw(directory)
        stack.callback(server.stop)
        proxy = stack.enter_context(FaultyProxy(server.port))
        for method in ("GET", "HEAD"):
            proxy.always(do_first(partial(time.sleep, DELAY)), method)
        bucket = server.new_bucket()
        files, folders = _make(bench.sandbox.root / "made", {case.file for case in cases}, size)
        mounts = {}
        for link, endpoint in (("S3", server.endpoint), ("S3 + 20 ms", proxy.endpoint)):
            options = server.options | {"endpointurl": endpoint}
            name = "near" if link == "S3" else "far"
            repo = HandmadeRepository(
                bench.sandbox, bench.sandbox.root / name, remote_url=f"s3://{bucket}", remote_options=options
            )  # fmt: skip
            repo.commit(files=files, directories=folders, tag="v1")
            mounts[link] = (repo, bench.mounts.prepare(repo.root, name=f"m-{name}"))
        client = server.client(connections=4)
        mounts["S3"][0].upload(
            lambda key, data: client.put_object(Bucket=bucket, Key=key, Body=data)
        )
        files.clear()
        for case in cases:
            for link, (_, mount) in mounts.items():
                yield from _measure(bench, case, link, mount, size)


def _settle(bench: Bench, read_ahead: str) -> None:
    """What the user has set, if anything."""
    if read_ahead:
        settings = Path(bench.sandbox.environ["XDG_CONFIG_HOME"]) / "vfs" / "config.yaml"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(f"mount:\n  read_ahead: {read_ahead}\n")


def _make(
    root: Path, names: set[str], size: int
) -> tuple[dict[str, bytes], dict[str, dict[str, bytes]]]:
    """The files and directories of some names, read back into memory."""
    root.mkdir()
    files: dict[str, bytes] = {}
    folders: dict[str, dict[str, bytes]] = {}
    for name in sorted(names):
        path = root / name
        MAKERS[name](path, size)
        if path.is_dir():
            found = (file for file in sorted(path.rglob("*")) if file.is_file())
            folders[name] = {file.relative_to(path).as_posix(): file.read_bytes() for file in found}
        else:
            files[name] = path.read_bytes()
    shutil.rmtree(root)
    return files, folders


def _measure(bench: Bench, case: Case, link: str, mount: Mount, size: int) -> Iterator[Row]:
    whole = _cold(bench, mount, case._replace(reader="cat", processes=1))
    taken = _cold(bench, mount, case)
    warm = _read(mount, case)
    ratio = taken.seconds / whole.seconds
    # Zarr's and safetensors' own headers are wanted too; what is wanted of a file is no more than all of it.
    useful = min(1.0, taken.wanted / max(1, taken.fetched))
    targets, reached = [], True
    if case.ratio:
        targets.append(f"<= {case.ratio:g} x cat")
        reached &= ratio <= case.ratio
    if case.useful:
        targets.append(f">= {case.useful:.0%} useful")
        reached &= useful >= case.useful
    yield Row(
        "formats", f"{case.what}, {size // MIB} MiB, {link}", taken.seconds, "s", ", ".join(targets),
        reached if targets else None,
        f"cat: {whole.seconds:.3g} s ({ratio:.2f} x); {useful:.0%} useful, {taken.fetched / MIB:.0f} MiB in {taken.requests:,} requests; "
        f"warm {warm.seconds:.3g} s",
    )  # fmt: skip


def _cold(bench: Bench, mount: Mount, case: Case) -> Taken:
    """One run with an empty cache and a new daemon."""
    if mount.path.exists():
        mount.umount(check=False)
    shutil.rmtree(
        Path(bench.sandbox.environ["XDG_CACHE_HOME"]) / "vfs" / "chunks", ignore_errors=True
    )
    mount.start("v1")
    return _read(mount, case)


def _read(mount: Mount, case: Case) -> Taken:
    before = _transfer(mount)
    path = str(mount.path / case.file)
    readers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.formats_readers", case.reader, path, str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
        )
        for number in range(case.processes)
    ]  # fmt: skip
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for reader in readers:
        assert reader.stdin is not None
        reader.stdin.write("\n")
        reader.stdin.flush()
    found = [json.loads(reader.communicate()[0]) for reader in readers]
    seconds = time.perf_counter() - began
    after = _transfer(mount)
    return Taken(
        seconds, max(found), after["bytes_received"] - before["bytes_received"],
        after["requests"] - before["requests"],
    )  # fmt: skip


def _transfer(mount: Mount) -> dict[str, int]:
    """The counters of the fetcher."""
    status = json.loads(mount.cli("status", "--json", mount.path).stdout)
    found = _find(status)
    assert found is not None, status
    return found


def _find(value: object) -> dict[str, int] | None:
    """The group of counters that has the bytes received, wherever in the document it is."""
    if isinstance(value, dict):
        if "bytes_received" in value:
            return value
        return next((f for inner in value.values() if (f := _find(inner)) is not None), None)
    if isinstance(value, list):
        return next((f for inner in value if (f := _find(inner)) is not None), None)
    return None
