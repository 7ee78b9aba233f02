"""Private views of an ordinary user, in a clone without data, or with a part of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.conftest import Work, without_data
from tests.sandbox.conftest import AS_USER

pytestmark = pytest.mark.fuse

_SCRIPT = 'mknod -m 666 "$1/fuse" c 10 229; mount --bind "$1/fuse" /dev/fuse; shift; exec "$@"'


@pytest.fixture
def device() -> Iterator[Path]:
    """Where a device for everybody may lie."""
    made = Path("/dev") / f"vfs-test-{os.getpid()}"
    made.mkdir()
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("part", ["", "data/y"])
def test_reads_stream(work: Work, device: Path, part: str) -> None:
    stage = "  one: {cmd: 'id -u > b; cat data/x >> b; ls data >> b; touch u', deps: [data], outs: [b]}\n"
    clone = without_data(work, stage)
    root = clone.root
    if part:
        clone.vfs("pull", part)
    for path in (work.sandbox.root, *work.sandbox.root.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    words = [*AS_USER, sys.executable, "-m", "vfs_cli", "repro"]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-euc", _SCRIPT, "sh", str(device), *words],
        cwd=root, env=work.sandbox.environ, capture_output=True, check=False,
    )  # fmt: skip
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    assert "'u' (created)" in said
    assert (root / "b").read_text() == "65534\ndata\nx\ny\n"
    assert sorted(path.name for path in (root / "data").glob("*")) == (["y"] if part else [])
    assert os.stat(root / "b").st_uid == 65534
    assert list((work.sandbox.root / "run").glob("vfs-run-*")) == []
