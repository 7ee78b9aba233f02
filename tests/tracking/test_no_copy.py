"""`vfs add --no-copy`: the working files are the only copy until they are pushed; nothing lies on the disk twice."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tracking.conftest import Clone
from vfs.testing.sandbox import CommandFailed, Sandbox
from vfs.testing.trees import capture, not_data
from vfs.testing.variants import soak

pytestmark = [pytest.mark.dvc, pytest.mark.slow]

NEITHER = b"was the only place of what it held, and changed before it was pushed"


@pytest.fixture
def added(clone: Clone) -> Clone:
    """A directory and a file that were added so and committed."""
    for number in range(30):
        clone.write(f"data/{number % 3}/{number}", b"%d" % number * 50)
    clone.write("large.bin", os.urandom(3 << 20), executable=True)
    clone.vfs("add", "--no-copy", "data", "large.bin")
    clone.git("add", "-A")
    clone.git("commit", "-q", "-m", "data")
    return clone


def contents(clone: Clone) -> list[str]:
    """Objects of the cache that are no lists."""
    return [name for name in clone.objects() if not name.endswith(".dir")]


def test_nothing_is_kept_twice_and_dvc_pulls_it(added: Clone, sandbox: Sandbox, dvc3: Path) -> None:
    assert contents(added) == []
    status = added.vfs("status", "--granular").stdout
    assert b"30 files in no cache and on no remote" in status
    assert b"= data/0/0" in status
    assert b"not in cache" not in status
    assert "not in cache" in added.dvc("status")
    added.vfs("push")
    assert b"all as the pointers say" in added.vfs("status").stdout
    assert b"only here" not in added.vfs("status").stdout
    added.vfs("pull")
    assert contents(added) == []
    other = added.root.parent / "colleague"
    sandbox.git(added.root.parent, "clone", "-q", added.root, other)
    sandbox.run([dvc3, "pull", "-q"], cwd=other)
    expected = capture(os.fsencode(added.root), skip=not_data)
    assert capture(os.fsencode(other), skip=not_data) == expected


def test_a_packed_remote_takes_it(added: Clone, new_clone: Callable[[str], Clone]) -> None:
    packed = added.root.parent / "packed"
    packed.mkdir()
    added.vfs("remote", "add", "--packed", "fast", str(packed))
    added.vfs("push", "-r", "fast")
    assert contents(added) == []
    assert b"only here" not in added.vfs("status").stdout


def test_what_changed_before_the_push_is_refused_and_named(added: Clone) -> None:
    added.write("data/1/4", b"5" * 50)  # of the same size
    status = added.vfs("status", check=False).stdout
    assert b"1 content lost, which only the working tree had" in status
    done = added.vfs("push", check=False)
    assert done.returncode
    assert b"data/1/4" in done.stderr
    assert NEITHER in done.stderr
    remote = added.root.parent / "remote/files/md5"
    assert not list(remote.rglob("*.dir"))
    assert len([path for path in remote.rglob("*") if path.is_file()]) == 30
    added.vfs("add", "--no-copy", "data")
    added.vfs("push")
    assert list(remote.rglob("*.dir"))


def test_times_and_modes_alone_lose_nothing(added: Clone) -> None:
    os.utime(added.path("data/1/4"))
    os.chmod(added.path("data/1/7"), 0o600)
    added.vfs("push")


def test_a_move_takes_the_homes_along(added: Clone) -> None:
    added.vfs("move", "data", "moved")
    assert b"30 files in no cache and on no remote" in added.vfs("status").stdout
    added.vfs("push")


def test_a_checkout_never_takes_the_only_copy(added: Clone) -> None:
    before = added.read("large.bin")
    pointer = added.read("large.bin.dvc")
    added.write("large.bin", b"second")
    added.vfs("add", "large.bin")  # which is in the cache
    second = added.read("large.bin.dvc")
    added.write("large.bin", before, executable=True)
    added.vfs("add", "--no-copy", "large.bin")
    added.write("large.bin.dvc", second)
    done = added.vfs("checkout", "large.bin", check=False)
    assert done.returncode
    assert b"would be lost" in done.stderr
    assert added.read("large.bin") == before
    added.write("large.bin.dvc", pointer)
    added.vfs("push", "large.bin")
    added.write("large.bin.dvc", second)
    added.vfs("checkout", "large.bin")  # now a remote has it
    assert added.read("large.bin") == b"second"
    added.write("large.bin.dvc", pointer)
    added.vfs("pull", "large.bin")
    assert added.read("large.bin") == before


@pytest.mark.parametrize("other", [soak("nothing"), "second", soak("without")])
def test_what_a_remote_lost_after_the_push_is_not_lost(
    added: Clone, sandbox: Sandbox, other: str
) -> None:
    """What a checkout takes away goes into the cache: nobody knows what a remote still has."""
    before = {name: added.read(name) for name in ("data/0/0", "data/1/1", "large.bin")}
    pointers = {name: added.read(name) for name in ("data.dvc", "large.bin.dvc")}
    later: dict[str, bytes] = {}
    if other != "nothing":
        for name in before:
            added.write(name, b"second")
        if other == "without":
            os.unlink(added.path("data/0/0"))
        added.vfs("add", "data", "large.bin")
        later = {name: added.read(name) for name in pointers}
        for name, data in before.items():
            added.write(name, data)
        added.vfs("add", "--no-copy", "data", "large.bin")
    added.vfs("push")
    shutil.rmtree(sandbox.root / "remote/files")
    added.git("rm", "-q", "--force", *pointers)
    for name, data in later.items():
        added.write(name, data)
    added.vfs("checkout")
    assert not any(os.path.exists(added.path(name)) for name in before if not later)
    for name, data in pointers.items():
        added.write(name, data)
    added.vfs("checkout")
    assert {name: added.read(name) for name in before} == before


def test_who_has_it_open_does_not_write_into_the_cache(added: Clone) -> None:
    before, pointer = added.read("large.bin"), added.read("large.bin.dvc")
    added.write("large.bin", b"second")
    added.vfs("add", "large.bin")
    second = added.read("large.bin.dvc")
    added.write("large.bin", before)
    added.vfs("add", "--no-copy", "large.bin")
    added.vfs("push")
    with open(added.path("large.bin"), "r+b", buffering=0) as writer:
        added.write("large.bin.dvc", second)
        added.vfs("checkout")
        writer.write(b"later")
    added.write("large.bin.dvc", pointer)
    added.vfs("checkout")
    assert added.read("large.bin") == before


def test_dvc_takes_nothing_either(added: Clone) -> None:
    before = added.read("large.bin")
    added.write("large.bin", b"second")
    added.vfs("add", "large.bin")
    second = added.read("large.bin.dvc")
    added.write("large.bin", before, executable=True)
    added.vfs("add", "--no-copy", "large.bin")
    pointer = added.read("large.bin.dvc")
    added.write("large.bin.dvc", second)
    with pytest.raises(CommandFailed):
        added.dvc("checkout", "large.bin.dvc")
    assert added.read("large.bin") == before
    added.write("large.bin.dvc", pointer)
    added.dvc("push", "large.bin.dvc")  # warns that it lacks the object
    assert not list((added.root.parent / "remote").rglob("??/*"))
    added.dvc("checkout")
    assert added.read("large.bin") == before


def test_removing_data_is_refused(added: Clone) -> None:
    done = added.vfs("remove", "--outs", "large.bin.dvc", check=False)
    assert done.returncode
    assert os.path.exists(added.path("large.bin"))


def test_a_collection_leaves_it_alone(added: Clone) -> None:
    added.vfs("gc", "--workspace", "--older-than", "0s")
    assert b"30 files in no cache and on no remote" in added.vfs("status").stdout
    added.vfs("push")


def test_snapshots_read_it_while_it_is_what_was_added(added: Clone) -> None:
    shutil.rmtree(added.root.parent / "remote", ignore_errors=True)
    (added.root.parent / "remote").mkdir()
    assert added.vfs("cat", "data/1/4").stdout == added.read("data/1/4")
    assert added.vfs("cat", "large.bin").stdout == added.read("large.bin")
    assert b" 50 " in added.vfs("ls", "-l", "data/1/4").stdout
    added.write("data/2/5", b"x" * 50)
    done = added.vfs("cat", "data/2/5", check=False)
    assert done.returncode
    assert not done.stdout


def test_a_plain_add_copies_it(added: Clone) -> None:
    added.vfs("add", "data", "large.bin")
    assert len(contents(added)) == 31
    assert "up to date" in added.dvc("status")
    assert b"only here" not in added.vfs("status").stdout


def test_one_file_of_a_directory(added: Clone) -> None:
    added.write("data/new", b"new")
    added.vfs("add", "--no-copy", "data/new")
    assert contents(added) == []
    assert b"31 files in no cache" in added.vfs("status").stdout


def test_what_a_symlink_leads_to_is_copied(clone: Clone) -> None:
    (clone.root.parent / "outside").write_bytes(b"outside")
    clone.write("data/own", b"own")
    os.symlink("../../outside", clone.path("data/link"))
    clone.vfs("add", "--no-copy", "data")
    assert len(contents(clone)) == 1
    clone.vfs("push")


def test_it_excludes_what_keeps_nothing_here(clone: Clone) -> None:
    clone.write("data", b"data")
    assert clone.vfs("add", "--no-copy", "--to-remote", "data", check=False).returncode == 2
