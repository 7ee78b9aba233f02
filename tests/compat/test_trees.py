"""The mounted tree of every commit equals what the real git and dvc check out.

Byte for byte, mode for mode, name for name, with nothing but the remote left to read from.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vfs.testing.builders import BUILDERS
from vfs.testing.mounts import Mount, MountFactory, vfs
from vfs.testing.real_repository import RepositoryCase
from vfs.testing.sandbox import Sandbox
from vfs.testing.trees import Tree, capture, explain
from vfs.testing.variants import all_but

pytestmark = [pytest.mark.fuse, pytest.mark.dvc, pytest.mark.slow]

RealRepositories = Callable[[str], RepositoryCase]


def mounted(mount: Mount, below: str = "") -> Tree:
    root = os.path.join(mount.raw, os.fsencode(below)) if below else mount.raw
    return capture(root, skip=lambda path: path == b".snapshots")


@pytest.mark.parametrize("name", all_but(("imports", "legacy", "shapes"), sorted(BUILDERS)))
def test_each_commit_mounted_from_an_empty_cache(
    name: str, real_repository: RealRepositories, mounts: MountFactory
) -> None:
    case = real_repository(name)
    for rev, expected in case.revisions.items():
        mount = mounts(case.root, rev)
        assert explain(expected, mounted(mount)) == "", f"{name} at {rev}"
        mount.umount()


@pytest.mark.parametrize("name", all_but(("legacy", "shapes"), sorted(BUILDERS)))
def test_each_commit_by_switching_back_and_forth(
    name: str, real_repository: RealRepositories, mounts: MountFactory
) -> None:
    case = real_repository(name)
    revisions = list(case.revisions)
    mount = mounts(case.root, revisions[-1])
    for rev in [*revisions, *reversed(revisions)]:
        mount.switch(rev)
        assert explain(case.revisions[rev], mounted(mount)) == "", f"{name} at {rev}"


@pytest.mark.parametrize("name", all_but(("imports", "shapes"), sorted(BUILDERS)))
def test_each_commit_below_snapshots(
    name: str, real_repository: RealRepositories, mounts: MountFactory
) -> None:
    case = real_repository(name)
    revisions = list(case.revisions)
    mount = mounts(case.root, revisions[0])
    for rev in revisions:
        found = mounted(mount, f".snapshots/{rev}")
        assert explain(case.revisions[rev], found) == "", f"{name} at {rev}"


def test_the_repository_is_not_touched(
    real_repository: RealRepositories, mounts: MountFactory
) -> None:
    """Mounting, reading and switching write nothing into the user's repository."""
    case = real_repository("shapes")
    before = fingerprint(case.root)
    revisions = list(case.revisions)
    mount = mounts(case.root, revisions[0])
    mounted(mount)
    mount.switch(revisions[-1])
    mounted(mount)
    mount.umount()
    assert fingerprint(case.root) == before


def fingerprint(root: Path) -> list[tuple[str, int, int]]:
    """Every path below with size and modification time."""
    found = []
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        found.append((str(path.relative_to(root)), status.st_size, status.st_mtime_ns))
    return found


def test_a_local_cache_is_enough(sandbox: Sandbox, dvc3: Path, mounts: MountFactory) -> None:
    """With data only in `.dvc/cache` and no remote at all, everything can be read."""
    root = sandbox.root / "repository"
    sandbox.git(sandbox.root, "init", "-q", root)
    sandbox.run([dvc3, "init", "-q"], cwd=root)
    (root / "data").mkdir()
    (root / "data" / "x").write_bytes(b"only here")
    sandbox.run([dvc3, "add", "-q", "data"], cwd=root)
    sandbox.git(root, "add", ".")
    sandbox.git(root, "commit", "-q", "-m", "one")
    mount = mounts(root)
    assert (mount.path / "data" / "x").read_bytes() == b"only here"


def test_dvc_works_beside_a_mount(sandbox: Sandbox, dvc3: Path, mounts: MountFactory) -> None:
    """What dvc adds and commits while a mount runs can be switched to, without a push."""
    root = sandbox.root / "repository"
    sandbox.git(sandbox.root, "init", "-q", root)
    sandbox.run([dvc3, "init", "-q"], cwd=root)
    (root / "a.bin").write_bytes(b"one")
    sandbox.run([dvc3, "add", "-q", "a.bin"], cwd=root)
    sandbox.git(root, "add", ".")
    sandbox.git(root, "commit", "-q", "-m", "one")
    mount = mounts(root)
    assert (mount.path / "a.bin").read_bytes() == b"one"
    (root / "a.bin").unlink()
    (root / "a.bin").write_bytes(b"two!")
    sandbox.run([dvc3, "add", "-q", "a.bin"], cwd=root)
    sandbox.git(root, "commit", "-q", "-a", "-m", "two")
    mount.switch("HEAD")
    assert (mount.path / "a.bin").read_bytes() == b"two!"


def test_dvc_list_agrees(
    real_repository: RealRepositories, dvc3: Path, mounts: MountFactory
) -> None:
    """`dvc list -R` and the mount name the same data files."""
    case = real_repository("shapes")
    mount = mounts(case.root, "v2")
    listed = mount.sandbox.run(
        [dvc3, "list", "-R", "--dvc-only", "--rev", "v2", case.root], cwd=mount.sandbox.root
    )
    names = {os.fsencode(line) for line in listed.stdout.decode().splitlines()}
    tree = {path for path, node in mounted(mount).items() if node.kind != "directory"}
    assert names <= tree
    assert len(names) > 10


def test_the_command_reports_a_bad_revision(
    real_repository: RealRepositories, sandbox: Sandbox
) -> None:
    case = real_repository("git")
    point = sandbox.root / "m"
    point.mkdir()
    done = vfs(sandbox, "mount", "--repo", str(case.root), "--rev", "no-such", point, check=False)
    assert done.returncode == 4
    assert b"no-such" in done.stderr
