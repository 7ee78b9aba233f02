"""A daemon never reads its own mount, whatever names it: a switch, `.snapshots`, local configuration, an import, a symlink."""

import errno
import json
import os
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository, md5, pointer
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.refusals import refused

pytestmark = pytest.mark.fuse

DATA = b"behind the mount" * 100
KEY = f"files/md5/{md5(DATA)[:2]}/{md5(DATA)[2:]}"
WHY = "it is on the mount that would be reading it"


def config(url: Path) -> bytes:
    return b"[core]\n    remote = own\n['remote \"own\"']\n    url = %s\n" % bytes(url)


def pointed(repository: HandmadeRepository, url: Path, tag: str) -> None:
    """A commit in which the object's own path is a file of that content, and the remote is at `url`."""
    files = {".dvc/config": config(url), f"{KEY}.dvc": pointer(KEY, md5(DATA), len(DATA))}
    repository.commit_raw(files, tag=tag)


def requests(mount: Mount) -> dict[str, int]:
    return dict(json.loads(mount.cli("status", "--json", mount.path).stdout)["requests"])


@pytest.fixture
def mount(handmade: HandmadeRepository, mounts: MountFactory) -> Mount:
    mounts.allow(WHY, "no place has it", md5(DATA)[2:])
    handmade.commit(plain={"git.txt": b"1"}, tag="v1")
    return mounts.prepare(handmade.root)


@pytest.mark.parametrize("behind", ["", ".snapshots/v2", "link"])
def test_after_a_switch(handmade: HandmadeRepository, mount: Mount, behind: str) -> None:
    url = mount.path / behind
    if behind == "link":
        url = mount.path.with_name(behind)
        url.symlink_to(mount.path)
    pointed(handmade, url, "v2")
    mount.start("v1")
    mount.switch("v2")
    before = requests(mount)
    with refused(errno.EIO):
        (mount.path / KEY).read_bytes()
    assert requests(mount)["reads"] - before["reads"] <= 2, (
        "the kernel's own, and one that it tried again"
    )
    assert WHY in mount.log()


def test_below_snapshots(handmade: HandmadeRepository, mount: Mount) -> None:
    pointed(handmade, mount.path, "v2")
    mount.start("v1")
    with refused(errno.EIO):
        (mount.path / ".snapshots" / "v2" / KEY).read_bytes()
    assert WHY in mount.log()


@pytest.mark.parametrize("behind", ["/proc/self/root", "link"])
def test_while_the_snapshot_that_is_named_is_being_made(
    handmade: HandmadeRepository, mount: Mount, behind: str
) -> None:
    """The daemon would wait for a lookup that waits for itself, before it had anything open to look at."""
    below = mount.path / ".snapshots" / "v2"
    url = Path(f"/proc/self/root{below}")
    if behind == "link":
        url = mount.path.with_name(behind)
        url.symlink_to(below)
    listed = b"outs:\n- md5: %032x.dir\n  size: 7\n  nfiles: 2\n  hash: md5\n  path: z\n" % 1
    handmade.commit_raw({".dvc/config": config(url), "z.dvc": listed}, tag="v2")
    mount.start("v1")
    before = requests(mount)
    assert "z.dvc" in os.listdir(below)
    after = requests(mount)
    assert after["lookups"] - before["lookups"] <= 3


def test_after_an_edit_of_local_configuration(handmade: HandmadeRepository, mount: Mount) -> None:
    pointed(handmade, handmade.remote, "v2")
    mount.start("v2")
    (handmade.root / ".dvc").mkdir(exist_ok=True)
    (handmade.root / ".dvc" / "config.local").write_bytes(config(mount.path))
    with refused(errno.EIO):
        (mount.path / KEY).read_bytes()
    assert WHY in mount.log()


def test_an_import_of_what_lies_around_the_mount(
    handmade: HandmadeRepository, mount: Mount
) -> None:
    outer = mount.path.with_name("outer")
    outer.mkdir()
    (outer / "a").write_bytes(DATA)
    mount.path = outer / "mnt"
    listing = json.dumps([{"md5": md5(DATA), "relpath": "a"}]).encode()
    recorded = f"- md5: {md5(listing)}.dir\n  size: {len(DATA)}\n  nfiles: 1\n  hash: md5\n  path: "
    text = f"frozen: true\ndeps:\n{recorded}{outer}\nouts:\n{recorded}d\n"
    tracked = {".dvc/config": handmade.config(), "git.txt": b"2"}
    handmade.commit_raw(tracked | {"d.dvc": text.encode()}, tag="v2")
    mount.start("v1")
    before = requests(mount)
    mount.switch("v2")
    after = requests(mount)
    assert {kind: after[kind] - before[kind] for kind in ("readdirs", "reads")} == {
        "readdirs": 0,
        "reads": 0,
    }
    assert (mount.path / "d" / "a").read_bytes() == DATA
    assert os.listdir(mount.path / "d") == ["a"]


def test_a_working_tree_around_the_mount(handmade: HandmadeRepository, mount: Mount) -> None:
    """It is followed every second, and what the mount shows is not found in it once more."""
    (handmade.root / "x.bin.dvc").write_bytes(pointer("x.bin", handmade.put(DATA), len(DATA)))
    mount.path = handmade.root / "mnt"
    mount.start("worktree")
    mount.switch("v1")
    mount.switch("worktree")
    assert requests(mount)["readdirs"] == 0
    assert sorted(os.listdir(mount.path)) == ["x.bin", "x.bin.dvc"]
