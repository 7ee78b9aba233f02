"""Servers of the tests do not outlive whoever started them."""

import subprocess
import sys
from pathlib import Path

import psutil

from vfs.testing.processes import wait_ended

STARTS = """
import sys
from pathlib import Path
from vfs.testing.processes import serve
print(serve(["sleep", "600"], Path(sys.argv[1]), {"PATH": "/usr/bin:/bin"}).pid, flush=True)
input()
"""


def test_a_server_ends_with_a_runner_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS, tmp_path / "log"],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as runner:
        assert runner.stdout is not None
        server = psutil.Process(int(runner.stdout.readline()))
        runner.kill()
    assert wait_ended([server], 20) == []
