"""Working trees of Git and DVC repositories in which the real `vfs` and the real `dvc` are run."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vfs.state.files import RACY
from vfs.testing.mounts import wait_until
from vfs.testing.sandbox import Sandbox

VFS = Path(sys.executable).parent / "vfs"


class Clone:
    """One working tree."""

    def __init__(self, sandbox: Sandbox, root: Path, dvc: Path) -> None:
        self.sandbox = sandbox
        self.root = root
        self._dvc = dvc

    def vfs(
        self, *arguments: str | bytes, check: bool = True, cwd: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        return self.sandbox.run([VFS, *arguments], cwd=self.root / cwd, check=check)

    def dvc(self, *arguments: str | bytes) -> str:
        return self.sandbox.run([self._dvc, *arguments], cwd=self.root).stdout.decode()

    def git(self, *arguments: str | bytes) -> bytes:
        return self.sandbox.git(self.root, *arguments)

    def path(self, path: str | bytes) -> bytes:
        return os.path.join(os.fsencode(self.root), os.fsencode(path))

    def write(self, path: str | bytes, data: bytes, *, executable: bool = False) -> None:
        full = self.path(path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data)
        os.chmod(full, 0o755 if executable else 0o644)

    def read(self, path: str | bytes) -> bytes:
        with open(self.path(path), "rb") as file:
            return file.read()

    def settle(self) -> None:
        """Make every file old enough to be remembered."""
        old = 1_500_000_000
        for directory, _, names in os.walk(os.fsencode(self.root)):
            for name in names:
                full = os.path.join(directory, name)
                if b"/.git/" not in full and not os.path.islink(full):
                    os.utime(full, (old, old))
        now = time.time_ns()
        wait_until(lambda: time.time_ns() > now + RACY, "the state of the last one to be old")

    def metadata(self) -> dict[str, bytes]:
        """All pointers and `.gitignore` files."""
        return {
            os.fsdecode(os.path.relpath(full, os.fsencode(self.root))): self.read(full)
            for directory, _, names in os.walk(os.fsencode(self.root))
            for name in names
            if (name.endswith(b".dvc") or name == b".gitignore")
            and b"/.dvc/" not in (full := os.path.join(directory, name))
        }

    def objects(self) -> dict[str, tuple[int, bytes]]:
        """Mode and bytes of every object of the cache."""
        base = self.root / ".dvc" / "cache"
        return {
            str(path.relative_to(base)): (path.stat().st_mode & 0o777, path.read_bytes())
            for path in base.rglob("*")
            if path.is_file()
        }

    def leftovers(self) -> list[str]:
        """Temporary files that somebody left."""
        return [str(path) for path in self.root.rglob(".*.tmp")]


@pytest.fixture(scope="session")
def template(shared_sandbox: Sandbox, dvc3: Path) -> Path:
    """An empty repository of Git and DVC with one commit."""
    root = shared_sandbox.root / "template"
    root.mkdir()
    shared_sandbox.git(root, "init", "-q", "-b", "main", ".")
    shared_sandbox.run([dvc3, "init", "-q"], cwd=root)
    shared_sandbox.run([dvc3, "remote", "add", "-q", "-d", "store", "../remote"], cwd=root)
    shared_sandbox.git(root, "add", "-A")
    shared_sandbox.git(root, "commit", "-q", "-m", "init")
    return root


@pytest.fixture
def new_clone(sandbox: Sandbox, template: Path, dvc3: Path) -> Callable[[str], Clone]:
    """Makes copies of the template, all with one remote beside them."""

    def make(name: str) -> Clone:
        root = sandbox.root / name
        shutil.copytree(template, root, symlinks=True)
        return Clone(sandbox, root, dvc3)

    return make


@pytest.fixture
def clone(new_clone: Callable[[str], Clone]) -> Clone:
    return new_clone("work")
