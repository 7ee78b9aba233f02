"""Real repositories, driven by the real `git`."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


class GitRepo:
    """A repository in a directory, and the `git` program in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def git(self, *arguments: str, data: bytes = b"", env: dict[str, str] | None = None) -> bytes:
        run = subprocess.run(
            ["git", "-C", str(self.path), "-c", "protocol.file.allow=always", *arguments],
            input=data,
            stdout=subprocess.PIPE,
            check=True,
            env={**os.environ, **(env or {})},
        )
        return run.stdout

    def text(self, *arguments: str) -> str:
        return self.git(*arguments).decode().strip()

    def write(self, name: str, data: bytes = b"data\n") -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def commit(self, message: str = "change", time: int = 1_700_000_000) -> str:
        self.git("add", "-A")
        stamp = {"GIT_COMMITTER_DATE": f"{time} +0000", "GIT_AUTHOR_DATE": f"{time} +0000"}
        self.git("commit", "-q", "--allow-empty", "-m", message, env=stamp)
        return self.text("rev-parse", "HEAD")


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[[str], GitRepo]:
    def make(name: str = "repo") -> GitRepo:
        repo = GitRepo(tmp_path / name)
        repo.git("init", "-q", "-b", "main")
        repo.git("config", "user.email", "a@example.org")
        repo.git("config", "user.name", "A Üser")
        return repo

    return make


@pytest.fixture
def repo(make_repo: Callable[[str], GitRepo]) -> GitRepo:
    return make_repo("repo")
