"""`vfs push` and `vfs fetch` over a packed remote beside `dvc push` and `dvc fetch`: seconds and requests.

    python -m tests.bench.packed_sharing [FILES]

FILES (20,000) of 8 KiB to a real S3 (Ceph, in memory) on loopback, one run. Both tools share one repository; each has its own bucket and
clone. Requests are counted by a proxy in front of the server, which takes time of its own, so seconds are of runs without it, and
requests those of a second repository of 2,000 files, for both tools alike.
"""

import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from vfs.testing.clones import Clone
from vfs.testing.faulty_proxy import FaultyProxy
from vfs.testing.s3_servers import S3Server, start_rgw
from vfs.testing.sandbox import Sandbox

SIZE = 8192
COUNTED = 2_000


def timed(clone: Clone, tool: str, verb: str) -> float:
    began = time.perf_counter()
    if tool == "vfs":
        clone.vfs(verb, "-r", "team")
    else:
        clone.dvc(verb, "-q", "-r", "store")
    return time.perf_counter() - began


def repository(sandbox: Sandbox, server: S3Server, dvc: Path, files: int, endpoint: str) -> Clone:
    """A repository with added data, a packed remote `team` and one of DVC's, `store`."""
    root = sandbox.root / f"r{files}-{'proxy' if endpoint else 'direct'}"
    root.mkdir()
    one = Clone(sandbox, root, dvc)
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


def main() -> None:
    """Print the table."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    dvc = Path(os.environ.get("VFS_TEST_DVC3") or ".tools/dvc3/bin/dvc").absolute()
    with ExitStack() as stack:
        scratch = Path(tempfile.mkdtemp(prefix="vfs-bench-"))
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        sandbox = Sandbox.temporary()
        stack.callback(sandbox.close)
        server = start_rgw(scratch)
        stack.callback(server.stop)
        proxy = stack.enter_context(FaultyProxy(server.port))
        one = repository(sandbox, server, dvc, files, "")
        two = {tool: one.clone(f"clone-{tool}") for tool in ("vfs", "dvc")}
        counted = repository(sandbox, server, dvc, COUNTED, proxy.endpoint)
        other = {tool: counted.clone(f"counted-{tool}") for tool in ("vfs", "dvc")}
        print(f"| {files:,} x 8 KiB | vfs, packed | dvc | |\n|---|---|---|---|")
        for what, verb in (("push", "push"), ("push, nothing new", "push"), ("fetch", "fetch")):
            cells, seconds = [], []
            for tool in ("vfs", "dvc"):
                taken = timed(two[tool] if verb == "fetch" else one, tool, verb)
                before = len(proxy.requests)
                timed(other[tool] if verb == "fetch" else counted, tool, verb)
                asked = len(proxy.requests) - before
                seconds.append(taken)
                cells.append(f"{taken:.2f} s; {asked:,} requests for {COUNTED:,} files")
            print(f"| {what} | {' | '.join(cells)} | {seconds[1] / seconds[0]:.1f} x |", flush=True)


if __name__ == "__main__":
    main()
