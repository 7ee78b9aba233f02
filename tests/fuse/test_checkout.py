"""`vfs checkout --link mount`: the usual path of tracked data is a link into a mount."""

import os

import pytest

from vfs.testing.clones import handmade_clone
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory

pytestmark = pytest.mark.fuse


def test_a_link_into_a_mount(mounts: MountFactory, handmade: HandmadeRepository) -> None:
    handmade.commit(directories={"data": {"a/b": b"one"}}, files={"f": b"1"}, tag="v1")
    handmade.commit(directories={"data": {"a/b": b"two"}}, files={"f": b"2"}, tag="v2")
    clone = handmade_clone(handmade, "clone", cached=False)
    assert "is not mounted" in clone.vfs("checkout", "--link", "mount", code=7)
    mount = mounts(clone.root)
    clone.vfs("checkout", "--link", "mount")
    assert os.readlink(clone.root / "data") == str(mount.path / "data")
    assert (clone.root / "data" / "a" / "b").read_bytes() == b"two"
    assert (clone.root / "f").read_bytes() == b"2"
    assert not clone.cache.exists()  # nothing was downloaded into it

    clone.vfs("checkout", "--link", "mount", "--rev", "v1", "data")
    assert (clone.root / "data" / "a" / "b").read_bytes() == b"one"
    mount.switch("v1")
    clone.vfs("checkout", "--link", "mount", "--rev", "v1", "data")
    assert os.readlink(clone.root / "data") == str(mount.path / "data")

    clone.git("checkout", "-q", "v1")
    clone.vfs("pull", "data")  # a live link is right as it is
    assert (clone.root / "data").is_symlink()
    clone.git("checkout", "-q", "v2")  # the mount still shows v1
    assert "has another version" in clone.vfs("checkout", "--link", "mount", "data", code=16)
    assert "modified" in clone.vfs("status", "data")
    (clone.root / "new").write_bytes(b"new")
    clone.vfs("add", "new")
    assert "does not have it" in clone.vfs("checkout", "--link", "mount", "new", code=16)
    assert (clone.root / "new").read_bytes() == b"new"
    clone.git("checkout", "-q", "v1")
    mount.umount()
    clone.vfs("pull")
    assert not (clone.root / "data").is_symlink()
    assert (clone.root / "data" / "a" / "b").read_bytes() == b"one"
