"""`vfs push` and `vfs fetch` over a packed remote beside `dvc push` and `dvc fetch`: seconds and requests.

20,000 files of 8 KiB to a real S3 (Ceph, in memory) on loopback, one run. Both tools share one repository; each has its own bucket and
clone. Requests are counted by a proxy in front of the server, which takes time of its own, so seconds are of runs without it, and
requests those of a second repository of 2,000 files, for both tools alike.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.bench.harness import Bench, Row, seconds
from vfs.testing.clones import Clone
from vfs.testing.faulty_proxy import FaultyProxy
from vfs.testing.fix_dvc import program
from vfs.testing.s3_servers import S3Server, start_rgw

FILES = int(os.environ.get("VFS_BENCH_FILES", "20000"))
SIZE = 8192
COUNTED = 2_000
_TARGETS = {"push": 15.0, "fetch": 10.0}
_FEWER = 100.0


def run(bench: Bench) -> Iterator[Row]:
    """The rows."""
    dvc = program("VFS_TEST_DVC3", "dvc3")
    with ExitStack() as stack:
        scratch = Path(tempfile.mkdtemp(prefix="vfs-rgw-"))
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        server = start_rgw(scratch)
        stack.callback(server.stop)
        proxy = stack.enter_context(FaultyProxy(server.port))
        one = _repository(bench, server, dvc, FILES, "")
        counted = _repository(bench, server, dvc, COUNTED, proxy.endpoint)
        fresh = {tool: one.clone(f"clone-{tool}") for tool in ("vfs", "dvc")}
        other = {tool: counted.clone(f"counted-{tool}") for tool in ("vfs", "dvc")}
        for what, verb in (("push", "push"), ("push, nothing new", "push"), ("fetch", "fetch")):
            taken, asked = {}, {}
            for tool in ("vfs", "dvc"):
                clone, few = (fresh[tool], other[tool]) if verb == "fetch" else (one, counted)
                taken[tool] = seconds(partial(_share, clone, tool, verb))
                before = len(proxy.requests)
                _share(few, tool, verb)
                asked[tool] = len(proxy.requests) - before
            yield from _rows(what, taken, asked)


def _rows(what: str, taken: dict[str, float], asked: dict[str, int]) -> Iterator[Row]:
    least = _TARGETS.get(what)
    ours, theirs = taken["vfs"], taken["dvc"]
    yield Row(
        "packed", f"{what}, {FILES:,} x 8 KiB, S3, packed", ours, "s",
        f">= {least:g} x dvc" if least else "", theirs >= least * ours if least else None,
        f"dvc: {theirs:.3g} s, {theirs / ours:.1f} x",
    )  # fmt: skip
    few, many = asked["vfs"], asked["dvc"]
    counts = what == "push"
    yield Row(
        "packed", f"{what}, {COUNTED:,} x 8 KiB, S3, packed", few, "requests",
        f"{_FEWER:g} x fewer than dvc" if counts else "", many >= _FEWER * few if counts else None,
        f"dvc: {many:,}",
    )  # fmt: skip


def _share(clone: Clone, tool: str, verb: str) -> None:
    if tool == "vfs":
        clone.vfs(verb, "-r", "team")
    else:
        clone.dvc(verb, "-q", "-r", "store")


def _repository(bench: Bench, server: S3Server, dvc: Path, files: int, endpoint: str) -> Clone:
    """A repository with added data, a packed remote `team` and one of DVC's, `store`."""
    root = bench.sandbox.root / f"r{files}-{'proxy' if endpoint else 'direct'}"
    root.mkdir()
    one = Clone(bench.sandbox, root, dvc)
    one.git("init", "-q", "-b", "main")
    one.vfs("init")
    options = server.options | ({"endpointurl": endpoint} if endpoint else {})
    one.vfs("remote", "add", "store", f"s3://{server.new_bucket()}/p")
    for name, value in options.items():
        one.vfs("remote", "modify", "store", name, value)
    words = [f"{name}={value}" for name, value in options.items()]
    one.vfs("remote", "add", "--packed", "team", f"s3://{server.new_bucket()}/p", *words)
    for n in range(files):
        one.write(f"data/{n % 100:03d}/{n:05d}.bin", os.urandom(SIZE))
    one.vfs("add", "data")
    one.git("add", "--all")
    one.git("commit", "-q", "-m", "v1")
    return one
