"""`vfs add` as a team uses it: the real dvc pushes and pulls what it wrote; nothing read twice."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tracking.conftest import Clone
from vfs.testing.opens import opened_files
from vfs.testing.sandbox import Sandbox
from vfs.testing.trees import capture, not_data

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


def fill(clone: Clone, files: int = 30) -> None:
    for number in range(files):
        clone.write(f"data/{number % 3}/{number}", b"%d" % number * 50)
    clone.write("large.bin", os.urandom(3 << 20), executable=True)
    clone.settle()


def pulled(clone: Clone, sandbox: Sandbox, dvc: Path) -> Path:
    """What a colleague has who clones and pulls with dvc."""
    other = clone.root.parent / "colleague"
    shutil.rmtree(other, ignore_errors=True)
    sandbox.git(clone.root.parent, "clone", "-q", clone.root, other)
    sandbox.run([dvc, "pull", "-q"], cwd=other)
    return other


def test_dvc_shares_what_was_added(clone: Clone, sandbox: Sandbox, dvc3: Path) -> None:
    fill(clone)
    done = clone.vfs("add", "data", "large.bin")
    assert b"git add data.dvc large.bin.dvc .gitignore" in done.stdout
    assert "up to date" in clone.dvc("status")
    clone.dvc("push", "-q")
    clone.git("add", ".gitignore", "data.dvc", "large.bin.dvc")
    clone.git("commit", "-q", "-m", "data")
    assert clone.git("status", "--porcelain") == b""
    other = pulled(clone, sandbox, dvc3)
    expected = capture(os.fsencode(clone.root), skip=not_data)
    assert capture(os.fsencode(other), skip=not_data) == expected


def test_unchanged_files_are_not_opened(clone: Clone) -> None:
    fill(clone)
    clone.vfs("add", "data")
    with opened_files(clone.path("data")) as opened:
        done = clone.vfs("add", "data")
    assert opened == []
    assert done.stdout == b"Nothing changed.\n"
    clone.write("data/1/4", b"changed")
    with opened_files(clone.path("data")) as opened:
        clone.vfs("commit", "data.dvc")
    assert opened == [b"1/4"]
    os.utime(clone.path("data/1/7"))  # touched only
    with opened_files(clone.path("data")) as opened:
        assert clone.vfs("add", "data").stdout == b"Nothing changed.\n"
    assert set(opened) <= {b"1/7", b"1/4"}


def test_what_the_cache_lost_is_stored_again(clone: Clone) -> None:
    fill(clone)
    clone.vfs("add", "data")
    before = clone.objects()
    shutil.rmtree(clone.root / ".dvc/cache")
    clone.vfs("add", "data")
    assert clone.objects() == before


def test_a_part_of_what_only_a_remote_has(clone: Clone, sandbox: Sandbox, dvc3: Path) -> None:
    """A fresh clone without a cache: the list comes from the remote, nothing else does."""
    fill(clone)
    clone.vfs("add", "data", "large.bin")
    clone.dvc("push", "-q")
    clone.git("add", "-A")
    clone.git("commit", "-q", "-m", "data")
    other = Clone(sandbox, clone.root.parent / "other", dvc3)
    sandbox.git(clone.root.parent, "clone", "-q", clone.root, other.root)
    other.write("data/2/new", b"new")
    other.vfs("add", "data/2/new")
    assert b"nfiles: 31" in other.read("data.dvc")
    assert len(other.objects()) == 3  # the old list too
    os.unlink(other.path("data/2/new"))
    other.vfs("remove", "data/0/0")
    assert b"nfiles: 30" in other.read("data.dvc")
    for path, names in (("data", 29), ("data/1", 10), ("data/2", 10)):
        refused = other.vfs("add", path, check=False)
        assert refused.returncode == 16
        assert b"%d of its files were never checked out" % names in refused.stderr
    assert other.vfs("add", "data", "--to-remote", check=False).returncode == 16
    refused = other.vfs("add", "data/1/4", check=False)
    assert b"data/1/4 is not here: it was never checked out" in refused.stderr
    assert b"nfiles: 30" in other.read("data.dvc")
    assert b"gone, and from the list too (files: 1)" in other.vfs("add", "data/2/new").stderr
    assert b"nfiles: 29" in other.read("data.dvc")
    other.vfs("add", "--force", "data/1/4")
    assert b"nfiles: 28" in other.read("data.dvc")
    other.write("data/2/new", b"new")
    other.vfs("add", "data/2/new")
    other.dvc("push", "-q")
    other.git("commit", "-q", "-am", "one more, one less")
    last = pulled(other, sandbox, dvc3)
    assert (last / "data/2/new").read_bytes() == b"new"
    assert not (last / "data/0/0").exists()
    assert (last / "data/0/3").read_bytes() == b"3" * 50


def test_legacy_outs_keep_their_form(clone: Clone, sandbox: Sandbox, dvc2: Path) -> None:
    clone.write("old.txt", b"a\r\nb\r\n")
    clone.write("olddir/x", b"x\r\n")
    clone.write("olddir/y", b"y")
    sandbox.run([dvc2, "add", "-q", "old.txt", "olddir"], cwd=clone.root)
    before = clone.metadata()
    assert b"hash:" not in before["old.txt.dvc"]
    assert clone.vfs("add", "old.txt", "olddir").stdout == b"Nothing changed.\n"
    clone.vfs("commit")
    assert clone.metadata() == before
    clone.write("old.txt", b"other")
    clone.write("olddir/y", b"z")
    twin = Clone(sandbox, clone.root.parent / "twin", clone._dvc)
    shutil.copytree(clone.root, twin.root)
    clone.vfs("add", "old.txt", "olddir")
    twin.dvc("add", "old.txt", "olddir")
    assert clone.metadata() == twin.metadata()
    assert b"hash: md5" in clone.read("olddir.dvc")


def test_from_outside(clone: Clone) -> None:
    outside = clone.root.parent / "outside"
    (outside / "in").mkdir(parents=True)
    (outside / "in/run").write_bytes(b"r")
    (outside / "in/run").chmod(0o755)
    (outside / "a").write_bytes(b"a")
    clone.vfs("add", str(outside), "-o", "data")
    assert clone.read("data/in/run") == b"r"
    assert os.access(clone.path("data/in/run"), os.X_OK)
    assert "up to date" in clone.dvc("status")
    clone.vfs("add", str(outside), "-o", ".")  # into the directory, under its name
    assert clone.read("outside/a") == b"a"
    assert clone.vfs("add", str(outside / "a"), "-o", "data/a", check=False).returncode == 22
    (outside / "a").write_bytes(b"b")
    clone.vfs("add", str(outside), "-o", ".", "--force")
    assert clone.read("outside/a") == b"b"
    clone.vfs("add", str(outside / "a"), "-o", "data/b")  # a file more of a tracked directory
    assert b"nfiles: 3" in clone.read("data.dvc")
    assert clone.leftovers() == []
    refused = clone.vfs("add", "s3://bucket/x", "-o", "x", check=False)
    assert refused.returncode == 20


def test_to_a_remote(clone: Clone, sandbox: Sandbox, dvc3: Path) -> None:
    fill(clone)
    clone.write("big", os.urandom(9 << 20))
    clone.vfs("add", "data", "big", "--to-remote", "--desc", "from the field")
    assert clone.objects() == {}
    assert b"desc: from the field" in clone.read("data.dvc")
    clone.git("add", "data.dvc", "big.dvc", ".gitignore")
    clone.git("commit", "-q", "-m", "data")
    other = pulled(clone, sandbox, dvc3)
    assert (other / "big").read_bytes() == clone.read("big")
    assert (other / "data/1/4").read_bytes() == b"4" * 50
    os.unlink(clone.path("data/1/4"))
    clone.vfs("add", "data", "--to-remote")
    assert b"nfiles: 29" in clone.read("data.dvc")
    refused = clone.vfs("add", "data", "--to-remote", "-r", "none", check=False)
    assert refused.returncode == 2


def test_to_a_packed_remote(clone: Clone, sandbox: Sandbox) -> None:
    """The default one, or one that is named; the second time nothing is sent."""
    fill(clone)
    os.symlink("../large.bin", clone.path("data/link"))
    clone.vfs("remote", "add", "--packed", "-d", "team", "../packed")
    clone.vfs("add", "data", "large.bin", "--to-remote")
    clone.write("more/data", b"more")
    clone.vfs("add", "../work/more", "-o", "copied", "--to-remote", "-r", "team")
    assert clone.objects() == {}
    assert not (sandbox.root / "remote").exists()
    packed = sandbox.root / "packed"
    before = {path: path.stat().st_mtime_ns for path in packed.rglob("*") if path.is_file()}
    clone.vfs("add", "data", "--to-remote")
    assert {p: p.stat().st_mtime_ns for p in packed.rglob("*") if p.is_file()} == before
    clone.git("add", "--all")
    clone.git("commit", "-q", "-m", "data")
    other = clone.root.parent / "colleague"
    sandbox.git(clone.root.parent, "clone", "-q", clone.root, other)
    Clone(sandbox, other, other).vfs("pull")
    assert (other / "large.bin").read_bytes() == clone.read("large.bin")
    assert (other / "data/link").read_bytes() == clone.read("large.bin")
    assert (other / "data/1/4").read_bytes() == b"4" * 50
    assert (other / "copied/data").read_bytes() == b"more"


def test_globs(clone: Clone) -> None:
    for name in ("a.bin", "b.bin", "sub/c.bin", "d.txt"):
        clone.write(name, name.encode())
    clone.vfs("add", "--glob", "**/*.bin")
    assert {name for name in clone.metadata() if name.endswith(".dvc")} == {
        "a.bin.dvc",
        "b.bin.dvc",
        "sub/c.bin.dvc",
    }
    assert clone.vfs("add", "--glob", "*.none", check=False).returncode == 2


def test_two_writers_exclude_each_other(clone: Clone) -> None:
    from vfs.objects import writing

    clone.write("data/x", b"x")
    with writing(clone.root):
        done = clone.vfs("add", "data", check=False)
        assert done.returncode == 21
        assert clone.vfs("add", "data", "--wait", "0.3", check=False).returncode == 21
        with pytest.raises(AssertionError, match="Unable to acquire lock"):
            clone.dvc("add", "data")
    clone.vfs("add", "data")


def test_remove_deletes_only_what_is_kept(clone: Clone) -> None:
    fill(clone)
    clone.vfs("add", "data")
    clone.write("data/0/0", b"not recorded")
    refused = clone.vfs("remove", "data", "--outs", check=False)
    assert refused.returncode == 22
    assert b"data/0/0" in refused.stderr
    assert clone.read("data/0/0") == b"not recorded"
    assert clone.vfs("remove", "data/1/4", check=False).returncode == 2
    clone.vfs("remove", "data/1/4", "--outs")
    assert not os.path.exists(clone.path("data/1/4"))
    assert b"nfiles: 29" in clone.read("data.dvc")
    clone.vfs("commit")
    clone.vfs("remove", "data", "--outs")
    assert not os.path.exists(clone.path("data"))
    assert clone.metadata() == {}


def test_what_remove_leaves_is_no_link_into_the_cache(clone: Clone) -> None:
    """Whatever collects garbage later takes nothing of it."""
    fill(clone)
    clone.write("one", b"alone" * 1000)
    clone.vfs("add", "data", "one")
    clone.vfs("checkout", "--link", "symlink", "--force")
    assert os.path.islink(clone.path("data/0/0"))
    before = {name: clone.read(name) for name in ("data/0/0", "data/1/4", "one")}
    clone.vfs("remove", "data", "one")
    shutil.rmtree(clone.root / ".dvc/cache")
    assert not os.path.islink(clone.path("one"))
    assert {name: clone.read(name) for name in before} == before


@pytest.fixture
def small_disk(clone: Clone) -> Iterator[Path]:
    """A cache on a disk of 2 MiB."""
    place = clone.root / ".dvc/cache"
    place.mkdir(exist_ok=True)
    clone.sandbox.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place])
    yield place
    clone.sandbox.run(["umount", place])


def test_a_full_disk(clone: Clone, small_disk: Path) -> None:
    for number in range(60):
        clone.write(f"data/{number}", os.urandom(50_000))
    clone.write("large", os.urandom(3 << 20))
    for target in ("data", "large"):
        done = clone.vfs("add", target, check=False)
        assert done.returncode == 18
        assert b"cache" in done.stderr
    assert clone.metadata() == {}
    assert clone.leftovers() == []
    check_objects(clone)


def check_objects(clone: Clone) -> None:
    """Whatever has an object's name and mode 0444 is that object."""
    import hashlib

    for name, (mode, data) in clone.objects().items():
        if not name.endswith(".tmp"):
            assert mode == 0o444
            found = "".join(Path(name).parts[-2:]).removesuffix(".dir")
            assert found == hashlib.md5(data).hexdigest()


@pytest.mark.parametrize("data_moved", [False, True])
def test_an_interrupted_move_goes_on(clone: Clone, data_moved: bool) -> None:
    """Both pointers are there; the data lies at one place or the other."""
    clone.write("data/x", b"x")
    clone.vfs("add", "data")
    clone.git("add", "data.dvc", ".gitignore")
    clone.git("commit", "-q", "-m", "data")
    clone.vfs("move", "data", "sub/moved")
    after = clone.metadata()
    clone.git("checkout", "-q", "data.dvc", ".gitignore")
    if not data_moved:
        os.rename(clone.path("sub/moved"), clone.path("data"))
    clone.vfs("move", "data", "sub/moved")
    assert clone.metadata() == after
    assert clone.read("sub/moved/x") == b"x"
    assert not os.path.exists(clone.path("data"))


def test_moving_over_something_is_refused(clone: Clone) -> None:
    clone.write("data", b"x")
    clone.write("other", b"y")
    clone.vfs("add", "data", "other")
    before = clone.metadata()
    assert clone.vfs("move", "data", "other", check=False).returncode == 2
    clone.write("third", b"z")
    assert clone.vfs("move", "data", "third", check=False).returncode == 22
    assert clone.vfs("move", "nothing", "fourth", check=False).returncode == 5
    assert clone.metadata() == before
    assert clone.read("third") == b"z"
