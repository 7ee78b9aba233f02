"""A repository made with the real git and the real dvc, and what its commits hold by their word.

Rule: nothing of vfs takes part here. The expected content of a commit is what `git checkout`
and `dvc checkout` produce in a second clone.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from vfs.testing.sandbox import Sandbox
from vfs.testing.trees import Tree, capture, not_data


@dataclass
class RepositoryCase:
    """A finished repository of which only the remote still has the data.

    Attributes:
        name: name of the builder.
        root: the repository.
        remote: its local-directory DVC remote.
        revisions: tag -> the tree that real tools check out, in order of history.
    """

    name: str
    root: Path
    remote: Path
    revisions: dict[str, Tree] = field(default_factory=dict)


class RealRepository:
    """Drives git and one version of dvc in one work tree."""

    def __init__(self, sandbox: Sandbox, base: Path, dvc: Path | None) -> None:
        self.sandbox = sandbox
        self.base = base
        self.dvc_program = dvc
        self.root = base / "repository"
        self.remote = base / "remote"
        self.tags: list[str] = []
        self.root.mkdir(parents=True)
        self.remote.mkdir()
        self.git("init", "-q", "-b", "main", ".")
        if dvc is not None:
            self.dvc("init", "-q")
            self.dvc("config", "core.analytics", "false")
            self.dvc("remote", "add", "-q", "-d", "store", "../remote")

    def git(self, *arguments: str | bytes | Path, stdin: bytes | None = None) -> bytes:
        """Run git in the work tree."""
        return self.sandbox.git(self.root, *arguments, stdin=stdin)

    def dvc(self, *arguments: str | bytes | Path) -> bytes:
        """Run dvc in the work tree."""
        assert self.dvc_program is not None
        return self.sandbox.run([self.dvc_program, *arguments], cwd=self.root).stdout

    def write(self, path: str | bytes, data: bytes, *, executable: bool = False) -> None:
        """Create or replace a file of the work tree with its directories."""
        full = os.path.join(os.fsencode(self.root), os.fsencode(path))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if os.path.lexists(full):
            os.unlink(full)  # never write through a link into a cache
        with open(full, "wb") as file:
            file.write(data)
        os.chmod(full, 0o755 if executable else 0o644)

    def remove(self, path: str | bytes) -> None:
        """Remove a file or directory of the work tree."""
        full = os.path.join(os.fsencode(self.root), os.fsencode(path))
        if os.path.isdir(full) and not os.path.islink(full):
            shutil.rmtree(full)
        else:
            os.unlink(full)

    def commit(self, tag: str) -> None:
        """Push the data, commit everything that is not ignored and tag it."""
        if self.dvc_program is not None:
            self.dvc("push", "-q")
        self.git("add", "--all", ".")
        self.git("commit", "-q", "--allow-empty", "-m", tag)
        self.git("tag", tag)
        self.tags.append(tag)

    def finish(self, name: str) -> RepositoryCase:
        """Learn what every tag holds and take the local copies of the data away."""
        case = RepositoryCase(name, self.root, self.remote)
        case.revisions = self._expected()
        for leftover in (self.root / ".dvc" / "cache", self.root / ".dvc" / "tmp"):
            shutil.rmtree(leftover, ignore_errors=True)
        self.git("clean", "-q", "-f", "-f", "-d", "-x")
        return case

    def _expected(self) -> dict[str, Tree]:
        clone = self.base / "clone"
        git, run = self.sandbox.git, self.sandbox.run
        git(self.base, "clone", "-q", self.root, clone)
        found: dict[str, Tree] = {}
        for tag in self.tags:
            git(clone, "clean", "-q", "-f", "-f", "-d", "-x", "-e", ".dvc/cache")
            git(clone, "checkout", "-q", "--force", tag)
            if self.dvc_program is not None:
                run([self.dvc_program, "pull", "-q"], cwd=clone)
            found[tag] = capture(os.fsencode(clone), skip=not_data)
        shutil.rmtree(clone)
        return found
