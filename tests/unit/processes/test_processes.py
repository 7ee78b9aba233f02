"""Children that do portions of work: what they return and raise, and what becomes of the work when they die."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

import vfs.processes
from vfs.errors import DataUnavailable
from vfs.objects import hash_source
from vfs.processes import Processes
from vfs.testing.mounts import wait_until
from vfs.testing.processes import wait_ended


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    monkeypatch.setattr(vfs.processes, "COUNT", 2)  # also where there is one processor
    with Processes() as running:
        yield running


def test_a_child_does_it(processes: Processes) -> None:
    assert processes.call(os.getpid) != os.getpid()
    assert processes.call(os.getpid) == processes.call(os.getpid)


def test_calls_at_the_same_time_have_a_child_each(processes: Processes, tmp_path: Path) -> None:
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(processes.call, Path(fifo).read_text)
        two = pool.submit(processes.call, Path(fifo).write_text, "both are there")
        assert (one.result(20), two.result(20)) == ("both are there", 14)


def test_an_error_is_that_of_the_function(processes: Processes, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(DataUnavailable, match="is no regular file") as raised:
        processes.call(hash_source, str(tmp_path / "fifo"))
    assert raised.value.hint is not None
    assert processes.call(os.getpid) != os.getpid()


def test_a_child_that_dies_is_done_without(processes: Processes) -> None:
    """The kernel may end it for want of memory: the caller does its work, and all that follows."""
    child = processes.call(os.getpid)
    processes.call(os.kill, child, signal.SIGKILL)  # by itself first
    assert processes.call(os.getpid) == os.getpid()


def test_where_none_can_be_started_the_caller_does_it(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    assert processes.call(os.getpid) == os.getpid()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_children_end_with_their_caller(tmp_path: Path, ending: signal.Signals) -> None:
    told = tmp_path / "told"
    code = (
        "import os, sys, signal; import vfs.processes; vfs.processes.COUNT = 2\n"
        "processes = vfs.processes.Processes()\n"
        f"open({str(told)!r} + '.part', 'w').write(str(processes.call(os.getpid)))\n"
        f"os.rename({str(told)!r} + '.part', {str(told)!r})\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as caller:
        wait_until(told.exists, "a child")
        child = psutil.Process(int(told.read_text()))
        caller.send_signal(ending)
        caller.wait()
    assert not wait_ended([child], 20)


def test_a_busy_child_ends_with_its_caller(tmp_path: Path) -> None:
    """What nobody waits for any more must not go on writing."""
    os.mkfifo(tmp_path / "fifo")
    code = (
        "import os, pathlib, threading, time, vfs.processes; vfs.processes.COUNT = 2\n"
        "processes = vfs.processes.Processes()\n"
        "print(processes.call(os.getpid), flush=True)\n"
        f"processes.call(pathlib.Path({str(tmp_path / 'fifo')!r}).read_text)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        child = psutil.Process(int(caller.stdout.readline()))
        caller.kill()
        caller.wait()
    assert not wait_ended([child], 20)


def test_an_interruption_at_the_terminal_is_the_callers(processes: Processes) -> None:
    child = processes.call(os.getpid)
    os.kill(child, signal.SIGINT)
    assert processes.call(os.getpid) == child
    assert signal.SIGINT in processes.call(signal.pthread_sigmask, signal.SIG_BLOCK, ())
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_an_interruption_while_a_child_starts_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    start = subprocess.Popen

    def interrupted(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        started: subprocess.Popen[bytes] = start(*args, **kwargs)
        started.send_signal(signal.SIGINT)
        return started

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with Processes() as processes:
        assert processes.call(os.getpid) != os.getpid()
    assert capfd.readouterr().err == ""
