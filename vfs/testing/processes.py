"""Processes of tests: servers that end with whoever started them, and waiting for those that are nobody's children.

A daemon has ended when the kernel says so, not when init has reaped it.
"""

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

_STOP = 20.0  # seconds
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "TERM", "/bin/sh", "-c")
_UNLESS_ORPHAN = 'test "$PPID" = "$0" && exec "$@"'
"""Who started it may have ended before the kernel was asked to tell of that."""


def serve(
    argv: Sequence[str | Path], log: Path, env: Mapping[str, str], cwd: Path | None = None
) -> "subprocess.Popen[bytes]":
    """Start a server, whose output goes into `log`; it is told to end when this process has ended, however that was."""
    with open(log, "ab") as output:
        return subprocess.Popen(
            [*_ENDS_WITH_US, _UNLESS_ORPHAN, str(os.getpid()), *argv],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a server and wait for it; one that does not listen is killed."""
    process.terminate()
    try:
        process.wait(_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP)


def wait_ended(processes: Iterable[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Wait up to `timeout` seconds for all of them to end; those that have not."""
    until = time.monotonic() + timeout
    return [process for process in processes if not _ends(process, until)]


def _ends(process: psutil.Process, until: float) -> bool:
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(process.pid)
        try:
            left = max(0.0, until - time.monotonic())
            return bool(select.select([descriptor], [], [], left)[0])
        finally:
            os.close(descriptor)
    return True
