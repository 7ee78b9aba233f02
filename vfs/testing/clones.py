"""Working trees in which the real `dvc` and the real `vfs` are used side by side."""

import hashlib
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.processes import wait_ended
from vfs.testing.program_server import VFS
from vfs.testing.sandbox import Sandbox


class Clone:
    """One of them.

    Attributes:
        root: the working tree.
        program: the dvc to run.
    """

    def __init__(self, sandbox: Sandbox, root: Path, dvc: Path | None = None) -> None:
        self.sandbox = sandbox
        self.root = root
        self.program = dvc

    def vfs(self, *arguments: str, code: int = 0) -> str:
        """Run vfs, which must end with `code`; what it printed."""
        done = self.sandbox.run([*VFS, *arguments], cwd=self.root, check=False)
        output = (done.stdout + done.stderr).decode()
        assert done.returncode == code, output
        return output

    def killed(self, when: Callable[[], bool], *arguments: str) -> None:
        """Run vfs and kill it as soon as something is true, if it has not ended by then."""
        process = subprocess.Popen(
            [*VFS, *arguments],
            cwd=self.root,
            env=self.sandbox.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and not when():
            time.sleep(0.001)  # else we take the processor from what we watch
        children: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not wait_ended(children, 20)

    @property
    def cache(self) -> Path:
        """The DVC cache."""
        return self.root / ".dvc" / "cache"

    def dvc(self, *arguments: str) -> str:
        """Run dvc; what it printed."""
        assert self.program is not None
        return self.sandbox.run([self.program, *arguments], cwd=self.root).stdout.decode()

    def git(self, *arguments: str) -> str:
        """Run git; what it printed."""
        return self.sandbox.git(self.root, *arguments).decode()

    def clone(self, name: str, rev: str = "main") -> "Clone":
        """A clone beside it, at a revision."""
        root = self.root.parent / name
        self.sandbox.git(self.root.parent, "clone", "-q", self.root, root)
        made = Clone(self.sandbox, root, self.program)
        made.git("checkout", "-q", rev)
        return made

    def write(self, path: str, data: bytes) -> None:
        """Create or replace a file; never through a link into the cache."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_bytes(data)

    @property
    def data(self) -> dict[str, bytes]:
        """Files of the directory `data` and of `model.bin`."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if path.is_file() and name.startswith(("data/", "model.bin")) and path.suffix != ".dvc":
                found[name] = path.read_bytes()
        return found


def handmade_clone(repository: HandmadeRepository, name: str, *, cached: bool) -> Clone:
    """A clone of a handmade repository; `cached`: what the remote has is in the cache instead of there."""
    root = repository.root.parent / name
    repository.sandbox.git(repository.root.parent, "clone", "-q", repository.root, root)
    made = Clone(repository.sandbox, root)
    if cached:
        shutil.copytree(repository.remote, made.cache, copy_function=shutil.copy)
    return made


def objects(store: Path) -> Iterator[tuple[str, Path]]:
    """(digest with `.dir`, file) of all objects of a cache or a local remote in DVC 3's layout."""
    for path in (store / "files" / "md5").glob("??/*"):
        if not path.name.startswith("."):
            yield path.parent.name + path.name, path


def check_store(store: Path, *, lazy: bool = False) -> int:
    """Assert that all objects are what their names say and that no listing lacks a file; how many there are.

    The cache of a clone whose stages ran on data that is not here (`lazy`) keeps listings without their files.
    """
    found = dict(objects(store))
    for name, path in found.items():
        data = path.read_bytes()
        assert hashlib.md5(data, usedforsecurity=False).hexdigest() == name.removesuffix(".dir")
        if name.endswith(".dir") and not lazy:
            assert all(entry["md5"] in found for entry in json.loads(data)), name
    return len(found)
