"""Repositories of the real dvc that are made once and copied: each of its commands takes time."""

import shutil
from pathlib import Path

import pytest

from tests.compat.imports import Pair, begin
from vfs.testing.clones import Clone
from vfs.testing.sandbox import Sandbox


def start(sandbox: Sandbox, dvc: Path, name: str = "one") -> Clone:
    """An empty repository; its remote is the directory `remote` beside it."""
    root = sandbox.root / name
    root.mkdir()
    made = Clone(sandbox, root, dvc)
    made.git("init", "-q")
    made.dvc("init", "-q")
    made.dvc("remote", "add", "-q", "-d", "store", "../remote")
    return made


def version(clone: Clone, number: int) -> None:
    """Commit a version of `data`, of which a half is that of every other one, and of `model.bin`."""
    for name in range(6):
        clone.write(f"data/{name}", b"%d of %d" % (name, number if name > 2 else 0))
    clone.write("model.bin", b"model %d" % number * 1000)
    clone.dvc("add", "-q", "data", "model.bin")
    clone.git("add", "--all")
    clone.git("commit", "-q", "-m", f"v{number}")
    clone.git("tag", f"v{number}")


@pytest.fixture(scope="session")
def three_versions(shared_sandbox: Sandbox, dvc3: Path) -> Path:
    """A repository with three versions that nobody pushed."""
    made = start(shared_sandbox, dvc3, "three versions")
    for number in (1, 2, 3):
        version(made, number)
    return made.root


@pytest.fixture
def one(three_versions: Path, sandbox: Sandbox, dvc3: Path) -> Clone:
    """A copy of it."""
    root = sandbox.root / "one"
    shutil.copytree(three_versions, root, symlinks=True)
    return Clone(sandbox, root, dvc3)


@pytest.fixture
def source(sandbox: Sandbox, dvc3: Path) -> Clone:
    """A repository with data on a remote only, and files of Git's."""
    made = begin(sandbox, dvc3, "source")
    made.dvc("remote", "add", "-q", "-d", "store", str(sandbox.root / "remote"))
    made.write("data/a/1", b"one")
    made.write("data/a/sub/2", b"two" * 1000)
    made.write("data/a/none", b"")
    made.write("model.bin", b"model")
    made.write("code/run.sh", b"#!/bin/sh\n")
    made.write("code/big", bytes(range(256)) * 5000)
    (made.root / "code" / "run.sh").chmod(0o755)
    made.dvc("add", "-q", "data/a", "model.bin")
    made.git("add", "--all")
    made.git("commit", "-q", "-m", "s1")
    made.git("tag", "s1")
    made.dvc("push", "-q")
    shutil.rmtree(made.cache)
    return made


@pytest.fixture(scope="session")
def begun(shared_sandbox: Sandbox, dvc3: Path) -> Path:
    """A repository in which nothing is tracked yet."""
    return begin(shared_sandbox, dvc3, "begun").root


@pytest.fixture
def pair(begun: Path, sandbox: Sandbox, dvc3: Path) -> Pair:
    """Two alike repositories: in one dvc is used, in the other vfs."""
    theirs, ours = (sandbox.root / name for name in ("theirs", "ours"))
    for root in (theirs, ours):
        shutil.copytree(begun, root, symlinks=True)
    return Clone(sandbox, theirs, dvc3), Clone(sandbox, ours, dvc3)


@pytest.fixture(scope="session")
def template(shared_sandbox: Sandbox, dvc3: Path) -> Path:
    """A repository with a tracked directory, sources and parameters."""
    root = shared_sandbox.root / "pipelines"
    root.mkdir()
    shared_sandbox.git(root, "init", "-q", ".")
    shared_sandbox.run([dvc3, "init", "-q"], cwd=root)
    (root / "data").mkdir()
    for name in ("a", "b"):
        (root / "data" / name).write_text(f"data {name}\n")
    for name in ("s0", "s1"):
        (root / name).write_text(f"source {name}\n")
    (root / "params.yaml").write_text("lr: 1\nlist: [1, 2]\ndeep: {x: 1.0, y: {z: a}}\n")
    (root / "other.json").write_text('{"k": 1}\n')
    shared_sandbox.run([dvc3, "add", "-q", "data"], cwd=root)
    shared_sandbox.git(root, "add", "-A")
    shared_sandbox.git(root, "commit", "-q", "-m", "init")
    return root
