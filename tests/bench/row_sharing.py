"""Push, fetch, checkout and pull in DVC's layout, with the real dvc beside each on the same data.

20,000 files of 8 KiB, and 20 of 64 MiB (not with `--short`), by a local directory and by an S3 server (Ceph) on loopback. One run
each: a step takes seconds to minutes. Both tools work in the same repository and clones of it, one after the other, each with
its own remote and cache.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.harness import MIB, Bench, Row, seconds
from vfs.testing.clones import Clone
from vfs.testing.s3_servers import start_rgw

TIMEOUT = 3_600
VFS = (sys.executable, "-m", "vfs_cli")


class Data(NamedTuple):
    """What is shared."""

    name: str
    files: int
    size: int


SMALL = Data("20,000 x 8 KiB", 20_000, 8192)
BIG = Data("20 x 64 MiB", 20, 64 * MIB)


def run(bench: Bench) -> Iterator[Row]:
    """The rows."""
    dvc = Path(os.environ.get("VFS_TEST_DVC3") or _checkout() / ".tools" / "dvc3" / "bin" / "dvc")
    server = start_rgw(directory := Path(tempfile.mkdtemp(prefix="vfs-rgw-")))
    try:
        for data in (SMALL, BIG) if bench.large else (SMALL,):
            one = _repository(bench, data, dvc)
            for where in ("local", "S3"):
                yield from _shared(bench, data, where, one, dvc, server.options, server.new_bucket)
                for name in ("ours", "theirs"):
                    shutil.rmtree(bench.sandbox.root / name)
            shutil.rmtree(one.root)
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _shared(
    bench: Bench,
    data: Data,
    where: str,
    one: Clone,
    dvc: Path,
    options: dict[str, str],
    bucket: object,
) -> Iterator[Row]:
    taken: dict[str, list[float]] = {}
    for number, (name, tool) in enumerate((("ours", VFS), ("theirs", (str(dvc),)))):
        if where == "local":
            url, extra = str(bench.sandbox.root / f"remote-{name}-{data.files}"), {}
        else:
            assert callable(bucket)
            url, extra = f"s3://{bucket()}/p", options
        _remote(one, url, extra)
        clone = bench.sandbox.root / name
        bench.sandbox.git(one.root, "commit", "-q", "--allow-empty", "-am", name)
        steps = [("push", one.root, ["push"]), ("push, nothing new", one.root, ["push"])]
        bench.sandbox.git(bench.sandbox.root, "clone", "-q", one.root, clone)
        steps += [
            ("fetch", clone, ["fetch"]),
            ("checkout", clone, ["checkout"]),
            ("checkout, nothing new", clone, ["checkout"]),
            ("pull, nothing new", clone, ["pull"]),
        ]
        for what, cwd, arguments in steps:
            taken.setdefault(what, [0.0, 0.0])[number] = _timed(bench, tool, arguments, cwd)
        if where == "local":
            shutil.rmtree(url)
    for what, (ours, theirs) in taken.items():
        yield _row(f"{what}, {data.name}, {where}", ours, theirs)
    sums = [taken["fetch"][n] + taken["checkout"][n] for n in (0, 1)]
    target = "ours >= 3 x" if data is SMALL else ""
    yield _row(f"fresh clone to full checkout, {data.name}, {where}", *sums, target=target)


def _row(what: str, ours: float, theirs: float, *, target: str = "") -> Row:
    reached = theirs >= 3 * ours if target else None
    return Row("sharing", what, ours, "s", target, reached, f"dvc: {theirs:.3g} s")


def _timed(bench: Bench, tool: Sequence[str], arguments: Sequence[str], cwd: Path) -> float:
    return seconds(
        lambda: bench.sandbox.run(
            [*tool, *arguments, "-q"] if tool is not VFS else [*tool, *arguments],
            cwd=cwd,
            timeout=TIMEOUT,
        )
    )


def _repository(bench: Bench, data: Data, dvc: Path) -> Clone:
    root = bench.sandbox.root / f"data-{data.files}"
    root.mkdir()
    one = Clone(bench.sandbox, root, dvc)
    one.git("init", "-q")
    one.dvc("init", "-q")
    for number in range(data.files):
        file = root / "data" / f"{number % 100:03d}" / f"{number:05d}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(data.size))
    one.dvc("add", "-q", "data")
    one.git("add", "--all")
    one.git("commit", "-q", "-m", "v1")
    return one


def _remote(one: Clone, url: str, options: dict[str, str]) -> None:
    one.dvc("remote", "add", "-q", "-f", "-d", "store", url)
    for name, value in options.items():
        one.dvc("remote", "modify", "-q", "store", name, value)


def _checkout() -> Path:
    return Path(__file__).resolve().parents[2]
