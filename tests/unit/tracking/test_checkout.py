"""`checkout`: what is replaced, removed, kept and refused."""

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from vfs.config import load_settings
from vfs.errors import DataUnavailable, VfsError, WouldOverwrite
from vfs.state import StateTable
from vfs.testing.clones import Clone, handmade_clone, objects
from vfs.testing.handmade import HandmadeRepository
from vfs.tracking.checkout import Checkout, Done, How
from vfs.tracking.status import open_state, status
from vfs.tracking.targets import Target
from vfs.tracking.uses import uses
from vfs.workspace import open_workspace
from vfs.workspace.workspace import WORKTREE

FIRST = {"a": b"a1", "b": b"b1", "sub/c": b"c", "sub/gone": b"gone", "empty": b""}
SECOND = {"a": b"a2", "b": b"b1", "sub/c": b"c", "new": b"new", "empty": b""}


@pytest.fixture
def clone(handmade: HandmadeRepository, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A clone with all objects in its cache, at `v1`."""
    for name, value in handmade.sandbox.environ.items():
        monkeypatch.setenv(name, value)
    handmade.commit(directories={"data": FIRST}, files={"one": b"1", "was-file": b"f"}, tag="v1")
    handmade.commit(
        directories={"data": SECOND, "was-file": {"x": b"x"}}, files={"one": b"2"}, tag="v2"
    )
    made = handmade_clone(handmade, "one", cached=True)
    made.git("checkout", "-q", "v1")
    return made


def checkout(clone: Clone, *targets: str, rev: str = WORKTREE, how: How | None = None) -> Done:
    workspace = open_workspace(clone.root, load_settings(clone.root))
    table = StateTable.open(clone.root / ".git" / "vfs" / "state")
    try:
        surveyed = workspace.survey(rev)
        selection, found = uses(surveyed, rev, [Target(t, t.encode()) for t in targets])
        done = Checkout(workspace, table, how or How(), lambda *_: None).run(found)
        selection.check()
        return done
    finally:
        table.close()
        workspace.close()


def not_here(clone: Clone) -> list[bytes]:
    """The files of `data` that count as never checked out."""
    with open_state(clone.root) as table:
        report = status(clone.root, table, [Target("data", b"data")])
    return sorted(path for out in report.outs for path in out.not_here)


def tree(clone: Clone, path: str = "data") -> dict[str, bytes]:
    base = clone.root / path
    files = (file for file in base.rglob("*") if file.is_file())
    return {str(file.relative_to(base)): file.read_bytes() for file in files}


def refusals(done: Done) -> dict[str, type[VfsError]]:
    return {os.fsdecode(path): type(error) for path, error in done.troubles}


def test_versions_come_and_go(clone: Clone) -> None:
    done = checkout(clone)
    assert (done.files, done.same) == (7, 0)
    assert tree(clone) == FIRST
    unchanged = os.stat(clone.root / "data" / "b")
    clone.git("checkout", "-q", "v2")
    done = checkout(clone)
    assert not done.troubles
    assert tree(clone) == SECOND
    assert not (clone.root / "data" / "sub" / "gone").exists()
    assert tree(clone, "was-file") == {"x": b"x"}
    assert os.stat(clone.root / "data" / "b") == unchanged
    clone.git("checkout", "-q", "v1")
    assert not checkout(clone).troubles
    assert tree(clone) == FIRST
    assert (clone.root / "was-file").read_bytes() == b"f"
    again = checkout(clone)
    assert (again.files, again.removed, again.same) == (0, 0, 7)


def test_what_was_made_is_not_read_again(clone: Clone) -> None:
    checkout(clone)
    for file in (clone.root / "data").rglob("*"):
        if file.is_file():
            state = os.stat(file)
            with open(file, "r+b") as stream:  # the same size and times: only reading would tell
                stream.write(b"")
            assert os.stat(file).st_ctime_ns == state.st_ctime_ns
    assert checkout(clone).same == 7


def test_what_changes_behind_a_checkout_is_the_users(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is remembered of a file that was written to before it could be."""
    file, sleep = clone.root / "data" / "a", time.sleep

    def write(seconds: float) -> None:
        placed = time.time_ns()
        while file.stat().st_mtime_ns <= placed:
            file.write_bytes(b"me")
        sleep(seconds)

    monkeypatch.setattr("vfs.tracking.made.time.sleep", write)
    checkout(clone)
    clone.git("checkout", "-q", "v2")
    assert refusals(checkout(clone, "data")) == {"data": WouldOverwrite}
    assert file.read_bytes() == b"me"


def test_versions_in_the_forms_of_dvc_2_and_3(clone: Clone) -> None:
    """Each is left for the other, as the cache has both; what it has with other line ends only is the user's."""

    def keep(data: bytes, suffix: str = "") -> str:
        name = hashlib.md5(data.replace(b"\r\n", b"\n"), usedforsecurity=False).hexdigest() + suffix
        path = clone.cache / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o444)
        return name

    old = {"a": b"old\r\n", "b": b"b1", "only": b"only"}
    rows = [{"md5": keep(data), "relpath": name} for name, data in old.items()]
    name = keep(json.dumps(rows).encode(), ".dir")
    (clone.root / "data.dvc").write_text(f"outs:\n- md5: {name}\n  path: data\n")
    clone.git("commit", "-q", "-a", "-m", "in the form of DVC 2")
    clone.git("tag", "old")
    for rev, files in (("old", old), ("v2", SECOND), ("old", old), ("v1", FIRST), ("old", old)):
        clone.git("checkout", "-q", rev)
        assert not checkout(clone).troubles
        assert tree(clone) == files
    (clone.root / "data" / "a").write_bytes(b"old\n")
    clone.git("checkout", "-q", "v1")
    assert refusals(checkout(clone)) == {"data": WouldOverwrite}
    assert (clone.root / "data" / "a").read_bytes() == b"old\n"


def test_a_changed_file_stops_its_out_and_no_other(clone: Clone) -> None:
    checkout(clone)
    (clone.root / "data" / "a").write_bytes(b"mine")
    clone.git("checkout", "-q", "v2")
    done = checkout(clone)
    assert refusals(done) == {"data": WouldOverwrite}
    assert tree(clone) == {**FIRST, "a": b"mine"}
    assert (clone.root / "one").read_bytes() == b"2"
    assert not checkout(clone, how=How(force=True)).troubles
    assert tree(clone) == SECOND


def test_a_changed_file_that_the_new_version_lacks_is_not_removed(clone: Clone) -> None:
    checkout(clone)
    (clone.root / "data" / "sub" / "gone").write_bytes(b"mine")
    clone.git("checkout", "-q", "v2")
    assert refusals(checkout(clone)) == {"data": WouldOverwrite}
    assert (clone.root / "data" / "sub" / "gone").read_bytes() == b"mine"


def test_files_of_the_users_stay(clone: Clone) -> None:
    checkout(clone)
    (clone.root / "data" / "mine").write_bytes(b"mine")
    (clone.root / "data" / "copy").write_bytes(b"b1")  # the cache has this content
    clone.git("checkout", "-q", "v2")
    done = checkout(clone)
    assert done.kept == [b"data/copy", b"data/mine"]
    assert tree(clone) == {**SECOND, "mine": b"mine", "copy": b"b1"}
    checkout(clone, how=How(force=True))
    assert tree(clone) == SECOND


def test_what_a_checkout_took_away_nobody_deleted(clone: Clone) -> None:
    """A version that has it again, checked out in part, does not count it as deleted."""
    checkout(clone)
    clone.git("checkout", "-q", "v2")
    assert checkout(clone).removed
    clone.git("checkout", "-q", "v1")
    checkout(clone, "data/a")
    assert not_here(clone) == [b"data/sub/gone"]
    checkout(clone)
    (clone.root / "data" / "sub" / "gone").unlink()
    assert not_here(clone) == []


def test_an_out_that_went_with_its_pointer_was_never_here(clone: Clone) -> None:
    checkout(clone)
    clone.git("rm", "-q", "data.dvc")
    clone.vfs("checkout")
    assert not (clone.root / "data").exists()
    clone.git("checkout", "-q", "HEAD", "data.dvc")
    checkout(clone, "data/a")
    assert not_here(clone) == [b"data/b", b"data/empty", b"data/sub/c", b"data/sub/gone"]


def test_what_remove_took_away_nobody_deleted(clone: Clone) -> None:
    checkout(clone)
    clone.vfs("remove", "--outs", "--force", "data")
    clone.git("checkout", "-q", "HEAD", "data.dvc")
    checkout(clone, "data/a")
    assert len(not_here(clone)) == 4


def test_a_deletion_that_was_recorded_is_none_elsewhere(clone: Clone) -> None:
    """Another version that lists the file was never checked out in full; what was not recorded is still deleted."""
    checkout(clone)
    for name in ("b", "sub/c"):
        (clone.root / "data" / name).unlink()
    clone.vfs("add", "data/b")
    clone.git("checkout", "-q", "data.dvc")
    assert not_here(clone) == [b"data/b"]
    clone.vfs("add", "--force", "data")
    clone.git("checkout", "-q", "data.dvc")
    assert not_here(clone) == [b"data/b", b"data/sub/c"]


def test_a_deletion_that_a_checkout_made_good_is_none_elsewhere(clone: Clone) -> None:
    checkout(clone)
    clone.write("data/mine", b"mine")
    (clone.root / "data" / "sub" / "gone").unlink()
    clone.git("checkout", "-q", "v2")
    assert checkout(clone).kept == [b"data/mine"]
    clone.git("checkout", "-q", "v1")
    assert not_here(clone) == [b"data/sub/gone"]


@pytest.mark.parametrize("emptied", [False, True])
def test_a_directory_that_went_as_a_whole_and_comes_back_in_part(
    clone: Clone, emptied: bool
) -> None:
    """Whoever frees a disk deletes nothing from the list; whoever deletes some of it does."""
    checkout(clone)
    (clone.root / "data" / "b").unlink()
    checkout(clone, "data/a")
    assert not_here(clone) == []
    shutil.rmtree(clone.root / "data")
    if emptied:
        (clone.root / "data" / "sub").mkdir(parents=True)
    checkout(clone, "data/a")
    assert not_here(clone) == [b"data/b", b"data/empty", b"data/sub/c", b"data/sub/gone"]


def test_what_is_deleted_after_a_move_is_seen(clone: Clone) -> None:
    checkout(clone)
    clone.vfs("move", "data", "moved")
    (clone.root / "moved" / "b").unlink()
    assert "1 deleted" in clone.vfs("status", "moved")


def test_a_missing_object_leaves_the_out_as_it_was(clone: Clone) -> None:
    checkout(clone)
    clone.git("checkout", "-q", "v2")
    for file in clone.cache.rglob("*"):
        if file.is_file() and file.read_bytes() == b"new":
            file.unlink()
    assert refusals(checkout(clone)) == {"data": DataUnavailable}
    assert tree(clone) == FIRST


def test_what_is_missing_may_be_left_out(clone: Clone) -> None:
    """The rest comes; what lies where something is missing stays as it is."""
    checkout(clone)
    clone.git("checkout", "-q", "v2")
    for _, file in list(objects(clone.cache)):
        if file.read_bytes() in (b"new", b"2"):
            file.unlink()
    clone.write("data/new", b"mine")
    done = checkout(clone, how=How(partial=True))
    assert not done.troubles
    assert sorted(done.absent) == [b"data/new", b"one"]
    assert tree(clone) == SECOND | {"new": b"mine"}
    assert (clone.root / "one").read_bytes() == b"1"
    assert "left out" in clone.vfs("checkout", "--allow-missing")
    (clone.root / "data" / "new").unlink()
    clone.vfs("checkout", code=16)


@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_written_through_a_symlink(clone: Clone, force: bool) -> None:
    outside = clone.root.parent / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"not ours")
    (clone.root / "data").symlink_to(outside)
    done = checkout(clone, "data", how=How(force=force))
    assert refusals(done) == ({} if force else {"data": WouldOverwrite})
    assert [path.name for path in outside.iterdir()] == ["a"]
    assert (outside / "a").read_bytes() == b"not ours"
    if force:
        assert not (clone.root / "data").is_symlink()
        assert tree(clone) == FIRST


@pytest.mark.parametrize("force", [False, True])
def test_a_symlink_inside_is_not_followed(clone: Clone, force: bool) -> None:
    outside = clone.root.parent / "outside"
    outside.mkdir()
    (clone.root / "data").mkdir()
    (clone.root / "data" / "sub").symlink_to(outside)
    done = checkout(clone, "data", how=How(force=force))
    assert refusals(done) == ({} if force else {"data": WouldOverwrite})
    assert not list(outside.iterdir())


def test_a_part_of_a_version_that_another_one_followed(clone: Clone) -> None:
    """Where `git checkout` went on twice before a checkout did, the files are still no user's."""
    checkout(clone, "data/sub")
    clone.write("data/mine", b"mine")
    clone.git("checkout", "-q", "v2")
    clone.write("data.dvc", (clone.root / "data.dvc").read_bytes() + b"desc: x\n")
    clone.git("commit", "-q", "-a", "-m", "v3")
    done = checkout(clone)
    assert done.removed == 1
    assert done.kept == [b"data/mine"]
    assert tree(clone) == SECOND | {"mine": b"mine"}


def test_part_of_a_directory(clone: Clone) -> None:
    assert checkout(clone, "data/sub").files == 2
    assert tree(clone) == {"sub/c": b"c", "sub/gone": b"gone"}
    (clone.root / "data" / "a").write_bytes(b"mine")  # not meant, so not looked at
    clone.git("checkout", "-q", "v2")
    assert not checkout(clone, "data/sub").troubles
    assert tree(clone) == {"sub/c": b"c", "a": b"mine"}


def test_of_another_revision(clone: Clone) -> None:
    checkout(clone, "data", rev="v2")
    assert tree(clone) == SECOND
    assert clone.git("rev-parse", "HEAD") == clone.git("rev-parse", "v1")
    checkout(clone, "data")
    assert tree(clone) == FIRST


@pytest.mark.parametrize("link", ["copy", "hardlink", "symlink"])
def test_links(clone: Clone, link: str) -> None:
    for kind in (link, "copy", link):
        done = checkout(clone, how=How(kind))
        assert not done.troubles
        assert tree(clone) == FIRST
        found = os.lstat(clone.root / "data" / "a")
        assert os.path.islink(clone.root / "data" / "a") == (kind == "symlink")
        assert (found.st_nlink > 1) == (kind == "hardlink")
        assert not os.path.islink(clone.root / "data" / "empty")
        assert not checkout(clone, how=How(kind)).files


def test_a_link_into_a_mount_and_back(clone: Clone, tmp_path: Path) -> None:
    shown = tmp_path / "mount"
    (shown / "data").mkdir(parents=True)
    checkout(clone)
    mount = How("mount", os.fsencode(shown))
    assert not checkout(clone, "data", how=mount).troubles
    assert os.readlink(clone.root / "data") == str(shown / "data")
    assert not checkout(clone, "data").files  # what a live mount shows is right
    assert not checkout(clone, "data", how=How("copy")).troubles
    assert tree(clone) == FIRST
    assert (shown / "data").is_dir()
    (clone.root / "data" / "mine").write_bytes(b"mine")
    assert refusals(checkout(clone, "data", how=mount)) == {"data": WouldOverwrite}
    assert tree(clone) == {**FIRST, "mine": b"mine"}


@pytest.mark.parametrize("link", [False, True])
def test_what_is_in_the_way_of_a_directory_is_named(clone: Clone, link: bool) -> None:
    place = clone.root / "data"
    if link:
        place.symlink_to("/etc")
    else:
        place.write_bytes(b"mine")
    (trouble,) = checkout(clone, "data").troubles
    assert trouble.error.message == "data is in the way, where a directory belongs"
    assert not checkout(clone, "data", how=How(force=True)).troubles
    assert tree(clone) == FIRST


def test_a_pipe_in_the_way_is_the_users(clone: Clone) -> None:
    (clone.root / "data").mkdir()
    os.mkfifo(clone.root / "data" / "a")
    assert refusals(checkout(clone, "data")) == {"data": WouldOverwrite}
    assert not checkout(clone, "data", how=How(force=True)).troubles
    assert tree(clone) == FIRST


def test_an_executable(handmade: HandmadeRepository, clone: Clone) -> None:
    pointer = clone.root / "one.dvc"
    pointer.write_text(pointer.read_text() + "  isexec: true\n")
    checkout(clone, how=How("hardlink"))
    assert os.stat(clone.root / "one").st_mode & 0o100
    assert os.stat(clone.root / "one").st_nlink == 1
