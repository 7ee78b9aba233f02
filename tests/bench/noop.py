"""Running the no-op daemon beside a benchmark."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from vfs.testing.mounts import is_mounted, wait_until

_CHECKOUT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def noop(point: Path, files: int, size: int) -> Iterator[Path]:
    """A mount of the no-op daemon."""
    point.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.noop_daemon", str(point), str(files), str(size)],
        cwd=_CHECKOUT,
    )
    try:
        wait_until(lambda: is_mounted(point), "the no-op daemon")
        yield point
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(point)], check=False)
        process.wait(20)
