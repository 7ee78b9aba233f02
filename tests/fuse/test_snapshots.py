"""`.snapshots/REV/`: any revision, beside the one the mount shows."""

import os
import sys
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository, md5
from vfs.testing.mounts import Mount, MountFactory, wait_until
from vfs.testing.refusals import refused

pytestmark = pytest.mark.fuse


@pytest.fixture
def history(handmade: HandmadeRepository) -> HandmadeRepository:
    for number in (1, 2, 3):
        handmade.commit(
            plain={"n.txt": b"%d" % number},
            directories={"data": {"same": b"same", "differs": b"%d" % number}},
            tag=f"v{number}",
            message=("first", "second/part", "third")[number - 1],
        )
    git = handmade.sandbox.git
    git(handmade.root, "branch", "topic/one", "v1")
    for ref in ("refs/remotes/origin/far", "refs/pull/7/head"):
        git(handmade.root, "update-ref", ref, "v2")
    return handmade


@pytest.fixture
def mount(history: HandmadeRepository, mounts: MountFactory) -> Mount:
    return mounts(history.root, "v2")


def shown(mount: Mount, rev: str) -> tuple[bytes, bytes]:
    base = mount.path / ".snapshots" / rev
    return (base / "n.txt").read_bytes(), (base / "data" / "differs").read_bytes()


def test_lists_tags_and_branches(mount: Mount) -> None:
    assert {"v1", "v2", "v3", "main", "topic"} <= set(os.listdir(mount.path / ".snapshots"))
    assert os.listdir(mount.path / ".snapshots" / "topic") == ["one"]
    assert "pull" not in os.listdir(mount.path / ".snapshots")
    assert {"heads", "tags", "remotes", "pull"} <= set(os.listdir(mount.path / ".snapshots/refs"))
    assert {"main", "topic"} <= set(os.listdir(mount.path / ".snapshots" / "heads"))
    assert os.listdir(mount.path / ".snapshots" / "HEAD^{") == []


def test_is_not_listed_by_the_root(mount: Mount) -> None:
    assert ".snapshots" not in os.listdir(mount.path)
    assert (mount.path / ".snapshots").is_dir()


def test_a_file_of_that_name_is_below_its_revision(
    mounts: MountFactory, handmade: HandmadeRepository
) -> None:
    handmade.commit(plain={".snapshots": b"mine", "n.txt": b"1"}, tag="v1")
    root = mounts(handmade.root, "v1").path
    assert os.listdir(root) == [".dvc", "n.txt"]
    assert (root / ".snapshots/v1/n.txt").read_bytes() == b"1"
    assert (root / ".snapshots/v1/.snapshots").read_bytes() == b"mine"


def test_any_revision(mount: Mount, history: HandmadeRepository) -> None:
    head = history.head
    for rev, number in (
        ("v1", b"1"),
        ("v3", b"3"),
        ("topic/one", b"1"),
        ("main", b"3"),
        ("HEAD~1", b"2"),
        (head, b"3"),
        (head[:12], b"3"),
        ("v3^^", b"1"),
        ("heads/main", b"3"),
        ("tags/v1", b"1"),
        ("refs/heads/topic/one", b"1"),
        ("heads/topic/one", b"1"),
        ("refs/remotes/origin/far", b"2"),
        ("refs/pull/7/head", b"2"),
        ("HEAD^{/second/part}", b"2"),
        ("main^{/first}", b"1"),
        (":/second", b"2"),
    ):
        assert shown(mount, rev) == (number, number), rev


def test_a_remote_is_a_directory_of_its_branches(
    history: HandmadeRepository, mounts: MountFactory
) -> None:
    """Every plain clone has `refs/remotes/origin/HEAD`, which makes `origin` a revision of its own."""
    git = history.sandbox.git
    git(history.root, "branch", "v2", "v3")  # as well as the tag
    clone = history.root.parent / "clone"
    git(history.root.parent, "clone", "-q", history.root, clone)
    mount = mounts(clone, "v2")
    origin = mount.path / ".snapshots" / "origin"
    assert sorted(os.listdir(origin)) == ["HEAD", "main", "topic", "v2"]
    assert os.listdir(origin / "topic") == ["one"]
    for rev, number in (("main", b"3"), ("HEAD", b"3"), ("topic/one", b"1")):
        assert (origin / rev / "n.txt").read_bytes() == number
    git(clone, "update-ref", "refs/heads/v2/fix", "v1")
    git(clone, "tag", "topic", "v1")
    assert (mount.path / ".snapshots/v2/n.txt").read_bytes() == b"2", "a tag is itself"
    assert (mount.path / ".snapshots/heads/v2/fix/n.txt").read_bytes() == b"1"
    git(clone, "tag", "origin", "v1")
    wait_until(lambda: (origin / "n.txt").is_file(), "the tag to be seen")


MORE = ("no-such^{/first}", "HEAD^{/nobody wrote this}", "refs/nothing/here", "a{b", "refs/x")


def test_unknown_revisions_do_not_exist(mount: Mount) -> None:
    for rev in ("nothing", "--upload-pack=x", "-h", "v1..v2", ":/x", "...", *MORE):
        with refused(2):
            os.lstat(mount.path / ".snapshots" / rev)


def test_a_branch_that_moves(mount: Mount, history: HandmadeRepository) -> None:
    assert shown(mount, "main") == (b"3", b"3")
    history.commit(plain={"n.txt": b"4"}, directories={"data": {"differs": b"4"}})
    wait_until(lambda: shown(mount, "main") == (b"4", b"4"), "the branch to be followed")


def test_a_switch_leaves_them_alone(mount: Mount) -> None:
    with (mount.path / ".snapshots" / "v1" / "data" / "differs").open("rb") as file:
        mount.switch("v3")
        assert file.read() == b"1"
    assert shown(mount, "v1") == (b"1", b"1")
    assert (mount.path / "n.txt").read_bytes() == b"3"


def test_one_content_is_one_inode(mount: Mount) -> None:
    """Equal bytes share an inode, hence a page cache, between versions."""
    here = os.stat(mount.path / "data" / "same")
    there = os.stat(mount.path / ".snapshots" / "v1" / "data" / "same")
    assert here.st_ino == there.st_ino


def test_all_verbs_mean_the_revision_of_the_place_they_run_in(
    mount: Mount, history: HandmadeRepository
) -> None:
    """In a repository HEAD, in a mount what it shows, below `.snapshots` that revision; `--rev` wins."""

    def said(where: Path, *arguments: str) -> str:
        command = [sys.executable, "-m", "vfs_cli", *arguments]
        return mount.sandbox.run(command, cwd=where).stdout.decode()

    def meant(where: Path, *rev: str) -> str:
        number = said(where, "cat", "differs", *rev)
        assert said(where, "ls", "differs", "--json", *rev).count(md5(number.encode())) == 1
        said(where, "prefetch", "differs", *rev)
        return number

    (history.root / "data").mkdir()
    topic = mount.path / ".snapshots" / "topic" / "one" / "data"
    assert meant(history.root / "data") == "3"
    assert meant(mount.path / "data") == "2"
    assert meant(topic) == "1"
    assert "data" in said(topic.parent, "ls").splitlines()
    assert said(history.root.parent, "cat", str(topic / "differs")) == "1"
    assert meant(mount.path / "data", "--rev", "v3") == "3"
    assert meant(topic, "--rev", "v3") == "3"
    assert said(mount.path, "diff", "v2") == ""
    assert "M n.txt" in said(mount.path, "diff")
    assert said(topic, "diff", "topic/one") == ""
    for number in (1, 2, 3):
        assert (
            os.getxattr(mount.path / f".snapshots/v{number}/data/differs", "user.vfs.cached")
            == b"100"
        )
