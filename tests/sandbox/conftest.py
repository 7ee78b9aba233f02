"""A working tree with private views over it, as root and as an ordinary user."""

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from vfs.testing.mounts import wait_until
from vfs.testing.sandbox import Sandbox

AS_USER = [
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    # so that it reaches a Python that may lie in root's home; the commands in the view lose it
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--"),
]
as_root = pytest.mark.parametrize("world", ["root"], indirect=True)
as_user = pytest.mark.parametrize("world", ["user"], indirect=True)

ROOT = Path(__file__).parents[2]


class Result(NamedTuple):
    """What a run came to."""

    code: int | None
    last: int | None
    changes: list[list[Any]]
    output: str
    errors: str
    error: str
    hint: str
    read: int | None

    @property
    def what(self) -> dict[str, str]:
        """What became of each path."""
        return {change[0]: change[1] for change in self.changes}

    def of(self, path: str) -> list[Any]:
        return next(change for change in self.changes if change[0] == path)


@dataclass
class World:
    """A tree, and places for a scratch and lazy directories; all belong to the user who runs views.

    Attributes:
        user: whether an ordinary user runs them.
    """

    sandbox: Sandbox
    user: bool
    tree: Path
    scratch: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def lazy(self) -> Path:
        path = self.sandbox.root / "lazy"
        path.mkdir(exist_ok=True)
        return path

    def write(self, path: str, data: str = "", *, at: Path | None = None) -> Path:
        full = (at or self.tree) / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(data)
        return full

    def argv(self, *lines: str, before: list[str] | None = None, **options: object) -> list[str]:
        """The command line of a driver."""
        order = {
            "tree": str(self.tree),
            "scratch": str(self.scratch),
            "cwd": str(self.tree),
            "lines": lines,
            "below": [],
            "hide": [],
            "through": [".git", ".dvc"],
            "unwatched": None,
            "ignored": [],
            "keep": False,
            **options,
        }
        (self.sandbox.root / "order.json").write_text(json.dumps(order))
        if self.user:
            subprocess.run(["chown", "-R", "65534:65534", self.sandbox.root], check=True)
        words = [sys.executable, "-B", "-m", "tests.sandbox.driver", "order.json", "result.json"]
        return [
            *(before or []),
            *(AS_USER if self.user else []),
            *(words[:-2]),
            *(str(self.sandbox.root / name) for name in words[-2:]),
        ]

    @property
    def environ(self) -> dict[str, str]:
        found = {**self.sandbox.environ, "PYTHONPATH": str(ROOT), "VFS_TEST_MARK": self.mark}
        return {**found, "SHELL": "/bin/bash"}

    def run(self, *lines: str, stdin: str = "", **options: Any) -> Result:
        (self.sandbox.root / "result.json").unlink(missing_ok=True)
        done = subprocess.run(
            self.argv(*lines, **options),
            env=self.environ,
            cwd="/",
            input=stdin.encode(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        return self.result(done.stdout.decode("utf-8", "replace"), done.stderr.decode())

    def result(self, output: str, errors: str) -> Result:
        said = json.loads((self.sandbox.root / "result.json").read_text())
        return Result(
            said.get("code"),
            said.get("last"),
            said.get("changes", []),
            output,
            errors,
            said.get("error", ""),
            said.get("hint") or "",
            said.get("read"),
        )

    def processes(self) -> list[psutil.Process]:
        """What descends from a driver, by a mark in its environment: the driver, the program, commands."""
        found = []
        mark = f"VFS_TEST_MARK={self.mark}".encode()
        for process in psutil.process_iter():
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                    found.append(process)
        return found

    def mounted(self) -> list[str]:
        """Lines of every process's mount table that are of this world's views."""
        found = set()
        for name in os.listdir("/proc"):
            if name.isdecimal():
                with contextlib.suppress(OSError):
                    for line in Path(f"/proc/{name}/mountinfo").read_text("latin-1").splitlines():
                        if str(self.sandbox.root) in line and " - fuse.vfs " not in line:
                            found.add(f"{name}: {line}")
        return sorted(found)

    def nothing_is_left(self) -> None:
        wait_until(lambda: not self.processes(), "the end of all processes")
        wait_until(lambda: not self.mounted(), "the end of all mounts")


@pytest.fixture(params=["root", "user"])
def world(sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[World]:
    assert os.getuid() == 0, "run as root: it tries an ordinary user as well"
    tree = sandbox.root / "tree"
    for name in (".git", ".dvc"):
        (tree / name).mkdir(parents=True)
    made = World(sandbox, request.param == "user", tree, tree / ".dvc" / "tmp" / "run")
    try:
        yield made
        assert made.processes() == []
        assert made.mounted() == []
    finally:
        for process in made.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@contextlib.contextmanager
def running(
    world: World, *lines: str, ignored: tuple[int, ...] = ()
) -> Iterator["subprocess.Popen[bytes]"]:
    """A driver in a process group of its own, whose first command has made `.dvc/started`."""
    process = subprocess.Popen(
        world.argv(*lines, ignored=ignored),
        env=world.environ,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_until(lambda: (world.tree / ".dvc/started").exists(), "the command")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()
