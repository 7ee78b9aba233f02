"""Working trees in which the real `dvc` and the real `vfs` are used side by side."""

import sys
from pathlib import Path

from vfs.testing.sandbox import Sandbox


class Clone:
    """One of them.

    Attributes:
        root: the working tree.
    """

    def __init__(self, sandbox: Sandbox, root: Path, dvc: Path) -> None:
        self.sandbox = sandbox
        self.root = root
        self._dvc = dvc

    def vfs(self, *arguments: str, code: int = 0) -> str:
        """Run vfs, which must end with `code`; what it printed."""
        done = self.sandbox.run(
            [sys.executable, "-m", "vfs_cli", *arguments], cwd=self.root, check=False
        )
        output = (done.stdout + done.stderr).decode()
        assert done.returncode == code, output
        return output

    def dvc(self, *arguments: str) -> str:
        """Run dvc; what it printed."""
        return self.sandbox.run([self._dvc, *arguments], cwd=self.root).stdout.decode()

    def git(self, *arguments: str) -> str:
        """Run git; what it printed."""
        return self.sandbox.git(self.root, *arguments).decode()

    def clone(self, name: str, rev: str = "main") -> "Clone":
        """A clone beside it, at a revision."""
        root = self.root.parent / name
        self.sandbox.git(self.root.parent, "clone", "-q", self.root, root)
        made = Clone(self.sandbox, root, self._dvc)
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
