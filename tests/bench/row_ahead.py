"""What the trace of a stage's last run is worth: the next run of it, on new data that is not here, S3 (Ceph, in memory) that answers 20 ms later.

200 files of 8 KiB in DVC's layout, read one after the other; the chunk cache is empty. The run without a trace stands beside it.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.bench.harness import Bench, Row, median, spread
from vfs.testing.faulty_proxy import FaultyProxy, do_first
from vfs.testing.s3_servers import start_rgw

FILES = 200
SIZE = 8192
DELAY = 0.02
RUNS = 3
_READ = """\
import os, time
began, total = time.monotonic(), 0
for name in sorted(os.listdir("data")):
    with open("data/" + name, "rb") as file:
        total += len(file.read())
open("out", "w").write(str(total)); open(os.environ["TOOK"], "w").write(str(time.monotonic() - began))
"""


def run(bench: Bench) -> Iterator[Row]:
    """Seconds of the command."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="vfs-rgw-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        server = start_rgw(directory)
        stack.callback(server.stop)
        proxy = stack.enter_context(FaultyProxy(server.port))
        for method in ("GET", "HEAD"):
            proxy.always(do_first(partial(time.sleep, DELAY)), method)
        root = bench.sandbox.root / "ahead"
        root.mkdir()
        bench.sandbox.git(root, "init", "-q", ".")
        url = f"s3://{server.new_bucket()}"
        _vfs(bench, root, "init")
        _vfs(bench, root, "remote", "add", "-d", "s3", url)
        for key, option in (server.options | {"endpointurl": proxy.endpoint}).items():
            _vfs(bench, root, "remote", "modify", "--local", "s3", key, option)
        (root / "read.py").write_text(_READ)
        (root / "dvc.yaml").write_text(
            f"stages:\n  read: {{cmd: {sys.executable} -I -S read.py, deps: [data, read.py], outs: [out]}}\n"
        )
        took: dict[bool, list[float]] = {False: [], True: []}
        for number in range(RUNS):
            for traced in (False, True):
                _publish(bench, root, 2 * number + traced)
                took[traced].append(_took(bench, root, traced=traced))
        value, without = median(took[True]), median(took[False])
        yield Row(
            "ahead", f"a stage that reads {FILES} files of 8 KiB that are not here, S3 + 20 ms, fetched ahead by the trace of its last run",
            value, "s", "<= 1/4 of the time without a trace", value <= without / 4,
            f"without: {without:.3g} s ({spread(took[False])})", spread(took[True]),
        )  # fmt: skip


def _publish(bench: Bench, root: Path, seed: int) -> None:
    """Other contents, on the remote only."""
    made = random.Random(seed)
    (root / "data").mkdir()
    for number in range(FILES):
        (root / "data" / f"f{number:04}").write_bytes(made.randbytes(SIZE))
    _vfs(bench, root, "add", "data")
    _vfs(bench, root, "push")
    shutil.rmtree(root / "data")
    shutil.rmtree(root / ".dvc/cache")
    shutil.rmtree(Path(bench.sandbox.environ["XDG_CACHE_HOME"]) / "vfs", ignore_errors=True)


def _took(bench: Bench, root: Path, *, traced: bool) -> float:
    """Seconds of the command in one run."""
    if not traced:
        shutil.rmtree(root / ".git/vfs/runs", ignore_errors=True)
    _vfs(bench, root, "repro", "-f", "--no-run-cache")
    return float((bench.sandbox.root / "took").read_text())


def _vfs(bench: Bench, root: Path, *args: str) -> None:
    subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "vfs"), *args], cwd=root, check=True,
        env=bench.sandbox.environ | {"TOOK": str(bench.sandbox.root / "took")}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
