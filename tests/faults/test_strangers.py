"""Two repositories on one machine, one of them a stranger's: whatever its remotes give or its pointers say, ours reads its own bytes."""

import os
import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository, md5, object_path, pointer
from vfs.testing.mounts import Mount, MountFactory, wait_until
from vfs.testing.variants import soak

pytestmark = pytest.mark.fuse

LARGE = random.Random(5).randbytes(12 << 20)
LIES = b"x" * len(LARGE)
SMALL = b"our content, small"


def at(path: Path, offset: int) -> bytes:
    """Ten bytes, without read-ahead."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        return os.pread(descriptor, 10, offset)
    finally:
        os.close(descriptor)


@pytest.fixture
def ours(handmade: HandmadeRepository, mounts: MountFactory) -> Mount:
    mounts.allow(md5(LARGE), md5(LARGE)[2:], "large.bin", "theirs.bin")
    handmade.commit(files={"large.bin": LARGE}, tag="v1")
    return mounts(handmade.root, "v1")


@pytest.fixture
def stranger(handmade: HandmadeRepository) -> HandmadeRepository:
    """A repository that names our content, and whose remote has other bytes of that size."""
    made = HandmadeRepository(handmade.sandbox, handmade.sandbox.root / "stranger")
    target = object_path(made.remote, md5(LARGE))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(LIES)
    said = pointer("theirs.bin", md5(LARGE), len(LARGE))
    made.commit_raw({".dvc/config": made.config(), "theirs.bin.dvc": said}, tag="v1")
    return made


@pytest.mark.parametrize("emptied", [soak(False), True])
def test_a_wrong_remote(
    ours: Mount, stranger: HandmadeRepository, mounts: MountFactory, emptied: bool
) -> None:
    """Its bytes come while ours are in part, or where ours were; that they are wrong is a matter of its own."""
    assert at(ours.path / "large.bin", 0) == LARGE[:10]
    if emptied:
        ours.cli("cache", "clear")
    theirs = mounts(stranger.root, "v1")
    assert at(theirs.path / "theirs.bin", 5 << 20) == LIES[:10], "nobody can know yet"
    assert at(ours.path / "large.bin", 5 << 20) == LARGE[5 << 20 :][:10]
    with suppress(OSError):
        (theirs.path / "theirs.bin").read_bytes()
    wait_until(
        lambda: os.getxattr(theirs.path / "theirs.bin", "user.vfs.verified") == b"bad", "the check"
    )
    assert at(ours.path / "large.bin", 9 << 20) == LARGE[9 << 20 :][:10]
    assert (ours.path / "large.bin").read_bytes() == LARGE
    ours.umount()
    ours.start("v1")
    assert (ours.path / "large.bin").read_bytes() == LARGE


@pytest.mark.parametrize("how", ["copied", soak("linked")])
def test_a_repository_that_has_our_scope(
    ours: Mount,
    handmade: HandmadeRepository,
    stranger: HandmadeRepository,
    mounts: MountFactory,
    how: str,
) -> None:
    """A copy of ours with another remote; a stranger's directory whose `.git/vfs` leads into ours."""
    assert at(ours.path / "large.bin", 11 << 20) == LARGE[11 << 20 :][:10]
    if how == "copied":
        theirs, name = handmade.root.parent / "theirs", "large.bin"
        shutil.copytree(handmade.root, theirs, symlinks=True)
        (theirs / ".dvc").mkdir(exist_ok=True)
        said = f"['remote \"store\"']\nurl = {stranger.remote}\n"
        (theirs / ".dvc" / "config.local").write_text(said)
    else:
        theirs, name = stranger.root, "theirs.bin"
        (theirs / ".git" / "vfs").symlink_to(handmade.root / ".git" / "vfs")
    other = mounts(theirs, "v1")
    assert at(other.path / name, 0) == LIES[:10]
    assert at(ours.path / "large.bin", 0) == LARGE[:10]


def test_what_ours_has_proved_is_theirs_too(
    ours: Mount, stranger: HandmadeRepository, mounts: MountFactory
) -> None:
    assert (ours.path / "large.bin").read_bytes() == LARGE
    wait_until(
        lambda: os.getxattr(ours.path / "large.bin", "user.vfs.verified") == b"yes", "the check"
    )
    theirs = mounts(stranger.root, "v1")
    assert (theirs.path / "theirs.bin").read_bytes() == LARGE
    assert os.getxattr(theirs.path / "theirs.bin", "user.vfs.verified") == b"yes"


@pytest.mark.parametrize(
    ("there", "data"),
    [(True, LARGE), (False, SMALL), soak(True, SMALL), soak(False, LARGE)],
    ids=["wrong-large", "missing-small", "wrong-small", "missing-large"],
)
def test_another_key_on_a_version_aware_remote(
    handmade: HandmadeRepository, mounts: MountFactory, data: bytes, there: bool
) -> None:
    """Both use one remote; the stranger's pointer says of our content that it lies elsewhere."""
    mounts.allow("theirs.bin", md5(data))
    shared = handmade.remote
    (shared / "ours.bin").write_bytes(data)
    handmade.commit_raw(_versioned(shared, "ours.bin", data), tag="v1")
    ours = mounts(handmade.root, "v1")
    assert os.stat(ours.path / "ours.bin").st_size == len(data)
    stranger = HandmadeRepository(handmade.sandbox, handmade.sandbox.root / "stranger")
    if there:
        (shared / "theirs.bin").write_bytes(b"x" * len(data))
    stranger.commit_raw(_versioned(shared, "theirs.bin", data), tag="v1")
    theirs = mounts(stranger.root, "v1")
    assert os.listdir(theirs.path)
    assert at(ours.path / "ours.bin", 0) == data[:10]


def _versioned(remote: Path, path: str, data: bytes) -> dict[str, bytes]:
    config = f"[core]\nremote = vv\n['remote \"vv\"']\nurl = {remote}\nversion_aware = true\n"
    said = (
        f"outs:\n- hash: md5\n  path: {path}\n  md5: {md5(data)}\n  size: {len(data)}\n"
        "  cloud:\n    vv:\n      etag: ''\n"
    )
    return {".dvc/config": config.encode(), f"{path}.dvc": said.encode()}


@pytest.mark.parametrize("edited", ["sub", ""])
def test_an_edit_for_one_of_two_roots(
    handmade: HandmadeRepository, mounts: MountFactory, edited: str
) -> None:
    """Two DVC repositories in one Git repository, whose tracked remotes are equal; the machine's file of one is edited."""
    names = {f"{top}{name}": f"{top}{name}".encode() for top in ("", "sub/") for name in "ab"}
    blobs = {".dvc/config": handmade.config(), "sub/.dvc/config": handmade.config()}
    for path, data in names.items():
        blobs[f"{path}.dvc"] = pointer(path.rpartition("/")[2], handmade.put(data), len(data))
    handmade.commit_raw(blobs, tag="v1")
    mount = mounts(handmade.root, "v1")
    assert (mount.path / "a").read_bytes() == names["a"]
    assert (mount.path / "sub/a").read_bytes() == names["sub/a"]
    elsewhere = handmade.root.parent / "elsewhere"
    elsewhere.mkdir()
    directory = handmade.root / edited / ".dvc"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.local").write_text(f"['remote \"store\"']\nurl = {elsewhere}\n")
    other = "b" if edited else "sub/b"
    assert (mount.path / other).read_bytes() == names[other]
