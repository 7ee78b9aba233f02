"""A process that has an LMDB environment of ours in a write transaction, and does nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_HOLD = """
import lmdb, sys
env = lmdb.open(sys.argv[1], max_dbs=16, map_size=1 << 34, max_readers=1024)
with env.begin(write=True):
    print("held", flush=True)
    input()
"""


@contextmanager
def held(environment: Path, *, stopped: bool = False) -> Iterator["subprocess.Popen[str]"]:
    """Hold it until a line is written to the process, or to the end of the context; `stopped`: as by ^Z."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, environment],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        if stopped:
            os.kill(holder.pid, signal.SIGSTOP)
        try:
            yield holder
        finally:
            holder.kill()


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a held environment gives up soon."""
    for module in ("orders", "environment", "lease"):
        monkeypatch.setattr(f"vfs.lmdb.{module}.PATIENCE", 0.1)
