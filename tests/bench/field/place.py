"""Where a peer works: directories, buckets, addresses, and how it starts programs there."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.field.data import Size
from tests.bench.field.took import NoAnswer
from vfs.testing.mounts import is_mounted, wait_until
from vfs.testing.processes import serve, stop
from vfs.testing.s3_servers import ACCESS_KEY, SECRET_KEY
from vfs.testing.sandbox import Sandbox

TOOLS = Path(__file__).parents[3] / ".tools"
PYTHON = TOOLS / "field/bin/python"


class Unavailable(Exception):
    """A peer cannot be had here; the message says why and what to do."""


@dataclass
class Place:
    """One peer's.

    Attributes:
        directory: its own; emptied never, so that what `prepare` made stays.
        repository: the Git repository with both versions, tracked by DVC's pointers.
        buckets: name by layout: `plain`, `dvc`, `packed`.
        s3, lfs: the servers' addresses, behind the proxy at the latency of the moment.
    """

    sandbox: Sandbox
    directory: Path
    repository: Path
    size: Size
    buckets: Mapping[str, str]
    s3: str = ""
    lfs: str = ""

    @property
    def files(self) -> Path:
        """The first version, as plain files."""
        return self.repository

    @property
    def environ(self) -> dict[str, str]:
        """For programs that read S3."""
        return self.sandbox.environ | {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def run(
        self, *argv: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> str:
        """Run a program to its end; what it printed.

        Raises:
            NoAnswer: it failed.
        """
        done = subprocess.run(
            argv, cwd=cwd or self.directory, env=self.environ | dict(env or {}), text=True,
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=1800,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-300:]
            raise NoAnswer(f"{Path(argv[0]).name} ended with {done.returncode}: {said}")
        return done.stdout

    def fresh(self, name: str) -> Path:
        """An empty directory."""
        path = self.directory / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path


@dataclass
class Mounted:
    """A program in the foreground that serves a mount."""

    point: Path
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def stop(self) -> None:
        """Unmount, then end the program by its id."""
        unmount(self.point)
        for process in self.processes:
            stop(process)


def mount(
    place: Place,
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    name: str = "m",
) -> Mounted:
    """Start a program that mounts `place.directory / name` and stays in the foreground.

    Raises:
        NoAnswer: it ended, or nothing was mounted in time.
    """
    point = place.directory / name
    log = place.directory / "log"
    point.mkdir(exist_ok=True)
    process = serve(argv, log, place.environ | dict(env or {}), place.directory)
    made = Mounted(point, [process])
    try:
        wait_until(lambda: is_mounted(point) or process.poll() is not None, "a mount", timeout=60)
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}")
    except BaseException as error:
        made.stop()
        if isinstance(error, AssertionError):
            raise NoAnswer(f"{Path(argv[0]).name}: {error}: {_end(log)}") from None
        raise
    return made


def unmount(point: Path) -> None:
    """Unmount; lazily if that fails."""
    for options in (("-u",), ("-u", "-z")):
        if is_mounted(point):
            argv = ["fusermount3", *options, str(point)]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(argv, check=False, timeout=30, capture_output=True)
    until = time.monotonic() + 10
    while is_mounted(point) and time.monotonic() < until:
        time.sleep(0.05)


def program(name: str, package: str) -> str:
    """A program of this machine, or of `.tools/field`.

    Raises:
        Unavailable: with what would install it.
    """
    found = shutil.which(name, path=f"{PYTHON.parent}:{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise Unavailable(f"no `{name}`: {package}")
    return found


def first_line(*argv: str) -> str:
    """What a program says of its version: its first line with one."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    lines = (done.stdout + "\n" + done.stderr).splitlines()
    return next((line.strip() for line in lines if re.search(r"\d\.\d", line)), "?")


def _end(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-300:] if log.exists() else ""
