"""Clones of a working tree that has pushed what it made."""

from pathlib import Path

from tests.pipeline.conftest import Work


def clone_of(work: Work, name: str) -> Work:
    """Only what Git has; its cache is empty."""
    made = Work(work.sandbox, work.sandbox.root / name)
    work.sandbox.git(work.sandbox.root, "clone", "-q", str(work.root), str(made.root))
    return made


def published(work: Work, pipeline: str) -> None:
    """Run, push to a directory, commit."""
    remote = work.sandbox.root / "remote"
    remote.mkdir()
    work.vfs("remote", "add", "-d", "store", str(remote))
    work.pipeline(pipeline)
    work.vfs("repro")
    work.vfs("push")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "published")


def nothing_is_left(work: Work) -> None:
    assert not [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(work.sandbox.root) in line]  # fmt: skip
    assert list((work.sandbox.root / "run").glob("vfs-run-*")) == []
