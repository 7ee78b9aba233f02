"""A Dask scheduler and workers as processes of their own, and what tests ask of them."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.pipeline.conftest import Work
from vfs.testing.mounts import wait_until
from vfs.testing.ports import free_port
from vfs.testing.sandbox import Sandbox

NAMES = ("w0", "w1", "w2")
SCHEDULER = ["-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--no-show"]
WORKER = ["-m", "distributed.cli.dask_worker", "--no-nanny", "--no-dashboard", "--nthreads", "1", "--host", "127.0.0.1"]  # fmt: skip


class Cluster:
    """A scheduler and its workers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.place = f"127.0.0.1:{free_port()}"
        self.url = f"dask://{self.place}"
        self._start("s", [sys.executable, *SCHEDULER, "--host", "127.0.0.1", "--port", self.place.partition(":")[2]])  # fmt: skip
        self._said("s", "Scheduler at:")

    def begin(self, *names: str, words: Sequence[str] = WORKER, before: Sequence[str] = (), env: dict[str, str] | None = None) -> None:  # fmt: skip
        """Start workers; each is there when this returns."""
        for name in names:
            full = [*before, sys.executable, *words, f"tcp://{self.place}", "--name", name]
            self._start(name, full, env)
        for name in names:
            self._said(name, "Registered to")

    def home(self, name: str) -> Path:
        return self.root / name / "home"

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait()

    def close(self) -> None:
        for name in reversed(list(self.processes)):
            self.kill(name)

    def _start(self, name: str, words: Sequence[str], env: dict[str, str] | None = None) -> None:
        sandbox = Sandbox(self.root / name)
        with (self.root / name / "log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                words, cwd=self.root / name, env={**sandbox.environ, **(env or {})},
                start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def _said(self, name: str, text: str) -> None:
        log = self.root / name / "log"

        def said() -> bool:
            assert self.processes[name].poll() is None, log.read_text()
            return text in log.read_text()

        wait_until(said, f"{name} to say {text!r}")


@contextlib.contextmanager
def running() -> Iterator[Cluster]:
    sandbox = Sandbox.temporary()
    cluster = Cluster(sandbox.root)
    try:
        yield cluster
    finally:
        cluster.close()
        sandbox.close()


def meeting(work: Work, mine: str, other: str) -> str:
    """A command that ends when another one runs too."""
    return f"touch {work.signs}/{mine}; until test -e {work.signs}/{other}; do sleep 0.05; done"


def dvc_agrees(work: Work) -> None:
    """All that is recorded is here, and nothing is to be run."""
    work.vfs("pull")
    dvc = Path(__file__).parents[2] / ".tools/dvc3/bin/dvc"
    said = work.sandbox.run([dvc, "status"], cwd=work.root).stdout
    assert said == b"Data and pipelines are up to date.\n"


def left(cluster: Cluster, name: str) -> list[str]:
    """Processes and mounts of the tasks of a worker."""
    mark = f"HOME={cluster.home(name)}".encode()
    own = cluster.processes[name].pid if name in cluster.processes else 0
    found = []
    for one in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if int(one) != own and mark in Path("/proc", one, "environ").read_bytes().split(b"\0"):
                found.append(Path("/proc", one, "cmdline").read_text())
    mounts = Path("/proc/self/mountinfo").read_text()
    return [*found, *(line for line in mounts.splitlines() if str(cluster.root / name) in line)]


def nothing_is_left(cluster: Cluster, name: str) -> None:
    """The task of a worker has ended."""
    found: list[str] = []

    def over() -> bool:
        found[:] = left(cluster, name)
        return not found

    try:
        wait_until(over, "the end of all tasks")
    except AssertionError:
        raise AssertionError(found) from None


def trees(cluster: Cluster) -> list[Path]:
    """Working trees of tasks."""
    return list(cluster.root.glob("w*/cache/vfs/workers/*/tree-*"))
