"""A mount point inside the repository's own working tree: every verb passes over it, whether its daemon lives or not."""

import shutil
import subprocess

import pytest

from vfs.testing.clones import Clone, handmade_clone
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, is_mounted
from vfs.testing.variants import soak

pytestmark = pytest.mark.fuse

LOOKS = ("status --json", "diff --json", "du --json", "ls -R --json --rev worktree")


@pytest.fixture
def clone(handmade: HandmadeRepository) -> Clone:
    handmade.commit(directories={"data": {"a": b"old"}}, files={"f": b"0"}, tag="v1")
    handmade.commit(directories={"data": {"a": b"one", "b/c": b"two"}}, files={"f": b"1"})
    made = handmade_clone(handmade, "clone", cached=False)
    made.vfs("pull")
    return made


def looks(clone: Clone) -> dict[str, set[str]]:
    """What the verbs say that only look, but for the mounts."""
    return {
        verb: {line for line in clone.vfs(*verb.split()).splitlines() if '"mountpoint"' not in line}
        for verb in LOOKS
    }


def inside(clone: Clone, mounts: MountFactory, place: str, life: str) -> Mount:
    """A mount in a clone."""
    mount = mounts.prepare(clone.root, name=f"clone/{place}")
    mount.start("v1")
    if life == "dead":
        daemon = mount.daemon()
        daemon.kill()
        daemon.wait(30)
    return mount


@pytest.mark.parametrize("life", ["alive", soak("dead")])
def test_every_verb_passes_over_it(clone: Clone, mounts: MountFactory, life: str) -> None:
    plain = looks(clone)
    inside(clone, mounts, "in side [*]", life)
    assert looks(clone) == plain
    (clone.root / "data" / "a").unlink()
    (clone.root / "f").unlink()
    clone.vfs("checkout")
    assert (clone.root / "data" / "a").read_bytes() == b"one"
    assert (clone.root / "f").read_bytes() == b"1"
    for verb in ("fetch", "pull", "push", "commit", "gc --workspace --dry-run"):
        clone.vfs(*verb.split())
    assert looks(clone) == plain


@pytest.mark.parametrize("life", [soak("alive"), "dead"])
def test_a_tracked_directory_is_what_lies_around_it(
    clone: Clone, mounts: MountFactory, life: str
) -> None:
    mount = inside(clone, mounts, "data/mnt", life)
    assert "a mount of vfs; what is in it is not tracked" in clone.vfs("status")
    (clone.root / "data" / "new").write_bytes(b"three")
    clone.vfs("add", "data")
    pointer = (clone.root / "data.dvc").read_text()
    assert "nfiles: 3" in pointer
    clone.git("checkout", "-q", "data.dvc")
    clone.vfs("checkout", "--force")
    assert not (clone.root / "data" / "new").exists()
    (clone.root / "data" / "a").unlink()
    shutil.rmtree(clone.root / "data" / "b")
    clone.vfs("checkout")
    assert (clone.root / "data" / "b" / "c").read_bytes() == b"two"
    assert is_mounted(mount.path)


@pytest.mark.parametrize("life", ["alive", soak("dead")])
def test_nothing_on_it_is_tracked_or_overwritten(
    clone: Clone, mounts: MountFactory, life: str
) -> None:
    inside(clone, mounts, "mnt", life)
    for name in ("mnt", "mnt/f", "mnt/data"):
        assert "is on a mount of vfs" in clone.vfs("add", name, code=2)
    assert not (clone.root / "mnt.dvc").exists()


def test_a_place_where_it_stands_is_not_free(clone: Clone, mounts: MountFactory) -> None:
    (clone.root / "f").unlink()
    mount = inside(clone, mounts, "f", "dead")
    clone.vfs("checkout", code=22)
    clone.vfs("checkout", "--force", code=22)
    subprocess.run(["fusermount3", "-u", "-z", mount.path], check=True)
    clone.vfs("checkout")
    assert (clone.root / "f").read_bytes() == b"1"


def test_a_mount_is_a_source_as_any_directory(
    clone: Clone, handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    """What is copied from is no working tree."""
    handmade.commit_raw({"git.txt": b"plain"}, tag="plain")
    mount = mounts(handmade.root, "plain")
    clone.vfs("add", "--out", "copy", str(mount.path))
    assert (clone.root / "copy" / "git.txt").read_bytes() == b"plain"
    clone.vfs("import-url", str(mount.path), "there")
    assert (clone.root / "there" / "git.txt").read_bytes() == b"plain"
