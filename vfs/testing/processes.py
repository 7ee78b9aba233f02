"""Waiting for processes that are nobody's children: a daemon has ended when the kernel says so, not when init has reaped it."""

import contextlib
import os
import select
import time
from collections.abc import Iterable

import psutil


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
