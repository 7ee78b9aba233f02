"""Working trees with pipelines, in which the real `vfs` runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vfs.testing.mounts import wait_until
from vfs.testing.sandbox import Sandbox

VFS = Path(sys.executable).parent / "vfs"


class Work:
    """One working tree."""

    def __init__(self, sandbox: Sandbox, root: Path, *, in_place: bool = False) -> None:
        self.sandbox = sandbox
        self.root = root
        self.in_place = in_place
        self.signs = sandbox.root / "signs"  # where commands and tests see each other
        self.signs.mkdir(exist_ok=True)

    def words(self, *args: str) -> list[str]:
        """A command line of vfs."""
        option = ["--in-place"] if self.in_place and args[0] in ("run", "repro") else []
        return [str(VFS), args[0], *option, *args[1:]]

    def vfs(
        self, *args: str, code: int = 0, stdin: bytes = b"", env: dict[str, str] | None = None, cwd: str = ""
    ) -> str:  # fmt: skip
        """Run vfs, which must end with `code`; what it printed, standard error last."""
        done = self.sandbox.run(
            self.words(*args), cwd=self.root / cwd, check=False, stdin=stdin, env=env
        )
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == code, said
        return said

    def documents(self, *args: str, code: int = 0) -> list[dict[str, Any]]:
        done = self.sandbox.run([*self.words(*args), "--json"], cwd=self.root, check=False)
        assert done.returncode == code, (done.stdout + done.stderr).decode()
        return [json.loads(line) for line in done.stdout.splitlines()]

    def outcomes(self, *args: str, code: int = 0) -> dict[str, str]:
        """What `vfs repro` did with each stage."""
        found = self.documents("repro", *args, code=code)
        return {one["stage"]: one["outcome"] for one in found if one["type"] == "stage"}

    def start(self, *args: str) -> "subprocess.Popen[bytes]":
        """Start vfs in a process group of its own."""
        return subprocess.Popen(
            self.words(*args), cwd=self.root, env=self.sandbox.environ, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def git(self, *args: str) -> str:
        return self.sandbox.git(self.root, *args).decode()

    def write(self, path: str, text: str) -> None:
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def pipeline(self, text: str) -> None:
        self.write("dvc.yaml", "stages:\n" + text)

    def leftovers(self) -> list[str]:
        return [str(p) for p in self.root.rglob("*.tmp") if os.path.isfile(p)]


@pytest.fixture
def in_place() -> bool:
    """Whether commands run in the working tree."""
    return False


@pytest.fixture
def work(sandbox: Sandbox, in_place: bool) -> Work:
    return begun(sandbox, in_place=in_place)


def begun(sandbox: Sandbox, *, in_place: bool = False) -> Work:
    """A working tree with a file, parameters and no stage."""
    made = Work(sandbox, sandbox.root / "work", in_place=in_place)
    made.root.mkdir()
    made.git("init", "-q", ".")
    made.vfs("init")
    made.write("a", "a\n")
    made.write("params.yaml", "lr: 1\n")
    made.git("add", "-A")
    made.git("commit", "-q", "-m", "init")
    return made


def forbidden(work: Work, *args: str) -> "subprocess.CompletedProcess[bytes]":
    """Run vfs where nobody may have a namespace."""
    limit = "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --inh-caps=-all --bounding-set=-sys_admin --"
    words = ["unshare", "-Ur", "sh", "-euc", f'{limit} "$@"', "sh", str(VFS), *args]
    return work.sandbox.run(words, cwd=work.root, check=False)


def without_data(work: Work, stages: str) -> Work:
    """A clone whose `data/x` and `data/y` are on the remote alone, with a pipeline over them."""
    work.write("data/x", "data\n")
    work.write("data/y", "y\n")
    work.vfs("add", "data")
    (work.sandbox.root / "remote").mkdir()
    work.vfs("remote", "add", "-d", "store", str(work.sandbox.root / "remote"))
    work.vfs("push")
    work.pipeline(stages)
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "pipeline")
    made = Work(work.sandbox, work.sandbox.root / "clone")
    work.sandbox.git(work.sandbox.root, "clone", "-q", str(work.root), str(made.root))
    return made


@pytest.fixture
def waiting(tmp_path: Path) -> Callable[[Path], None]:
    """Wait for a file to appear."""

    def wait(path: Path) -> None:
        wait_until(path.exists, f"{path} to be there")

    return wait
