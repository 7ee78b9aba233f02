"""What a command wrote is told as what it is, and nothing in the upper directory leads anywhere else."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.sandbox.conftest import AS_USER, World, running
from vfs.sandbox.changes import Change, Kind, What, changes, strip
from vfs.sandbox.removal import remove

PYTHON = "/usr/bin/python3 -I -S -c"


def test_opened_for_writing_and_left_as_it_was(world: World) -> None:
    world.write("same", "content")
    world.write("touched", "content")
    world.write("dir/f", "content")
    world.write("lazy", "content", at=world.lazy)
    done = world.run(
        ": >> same; touch touched dir; cp lazy x; cat x > lazy; mv x dir/f; touch -r same touched",
        below=[str(world.lazy)],
        keep=True,
    )
    upper = world.scratch / "upper"
    assert sorted(os.listdir(upper)) == ["dir", "lazy", "same", "touched"]
    assert done.what == {}


def test_the_same_size_and_time_with_other_bytes(world: World) -> None:
    world.write("f", "1" * 100)
    os.utime(world.tree / "f", (1, 1))
    done = world.run("head -c 100 /dev/zero > f; touch -d @1 f")
    assert done.what == {"f": "modified"}


def test_modes_and_links(world: World) -> None:
    for name in ("f", "d/x", "twice", "to/file"):
        world.write(name, name)
    (world.tree / "link").symlink_to("f")
    (world.tree / "kept").symlink_to("f")
    done = world.run(
        "chmod 600 f; chmod 700 d; ln twice again; ln -sfn d link; rm to/file; ln -s /etc to/file;"
        "mkfifo pipe; ln new2 x 2>&- || echo > new; ln new new2"
    )
    assert done.what == {
        "again": "created",
        "d": "mode",
        "f": "mode",
        "link": "modified",
        "new": "created",
        "new2": "created",
        "pipe": "created",
        "to/file": "modified",
    }
    assert done.of("f")[3] == 0o600
    assert done.of("d")[2] == "directory"
    assert done.of("to/file")[2] == "symlink"
    assert done.of("pipe")[2] == "special"
    assert [done.of(name)[5] for name in ("new", "new2", "again", "f")] == [2, 2, 2, 1]


def test_directories_that_were_removed_and_made_again(world: World) -> None:
    for name in ("d/a", "d/b", "d/sub/c", "gone/x", "file", "was/dir"):
        world.write(name, name)
    world.write("d/lazy", "", at=world.lazy)
    world.write("d/hidden", "", at=world.lazy)
    done = world.run(
        "cp -p d/a x; rm -r d gone file was; mkdir d file; mv x d/a; echo > d/new; echo > file/in; echo > was",
        below=[str(world.lazy)],
        hide=["d/hidden"],
    )
    assert done.what == {
        "d": "modified",
        "d/b": "deleted",
        "d/lazy": "deleted",
        "d/new": "created",
        "d/sub": "deleted",
        "file": "modified",
        "file/in": "created",
        "gone": "deleted",
        "was": "modified",
    }
    assert done.of("d")[6] is True
    assert done.of("gone")[2] == "directory"
    assert done.of("was")[2] == "file"
    assert [change[0] for change in done.changes] == sorted(done.what)


def test_what_others_made_meanwhile_is_not_deleted(world: World) -> None:
    """As a stage beside this one does, whose outs come to the same directory."""
    world.write("old/a")
    wait = "touch .dvc/started; until test -e .dvc/go; do :; done"
    with running(world, f"mkdir new; echo > new/ours; rm -r old; mkdir old; {wait}") as process:
        world.write("new/theirs", "theirs")
        world.write("new/sub/theirs", "theirs")
        world.write("old/theirs", "theirs")
        world.write(".dvc/go")
        output, errors = process.communicate(timeout=60)
    done = world.result(output.decode(), errors.decode())
    found = done.what
    assert found.pop("new", "mode") == "mode", "whose it is may differ"
    assert found == {"new/ours": "created", "old": "modified", "old/a": "deleted"}


def test_a_directory_that_was_removed_and_made_as_it_was(world: World) -> None:
    world.write("d/a", "a")
    assert world.run("cp -a d x; rm -r d; mv x d").what == {}


def test_a_directory_that_was_renamed_is_there_whole(world: World) -> None:
    """The kernel refuses to rename what lies below (EXDEV), and `mv` copies it."""
    for name in ("from/a", "from/sub/b"):
        world.write(name, name)
    done = world.run(
        f'{PYTHON} \'import os; os.rename("from", "to")\' 2>&1 | tail -1; mv from to; mkdir n; mv n m'
    )
    assert "Invalid cross-device link" in done.output
    assert done.what == {
        "from": "deleted",
        "m": "created",
        "to": "created",
        "to/a": "created",
        "to/sub": "created",
        "to/sub/b": "created",
    }


def test_written_through_a_mapping(world: World) -> None:
    world.write("f", "x" * 5000)
    done = world.run(
        f"""{PYTHON} '
import mmap, os
fd = os.open("f", os.O_RDWR)
with mmap.mmap(fd, 5000) as memory:
    memory[4999] = 65
' """,
        keep=True,
    )
    assert done.what == {"f": "modified"}
    assert (world.scratch / "upper/f").read_bytes() == b"x" * 4999 + b"A"
    assert (world.tree / "f").read_bytes() == b"x" * 5000


def test_a_deep_tree_without_permissions_is_removed(world: World) -> None:
    """Deeper than recursion goes, and than a path is long."""
    code = "import os\nfor n in range(1500):\n os.mkdir('d'*9)\n os.chdir('d'*9)\nopen('f','w')"
    done = world.run(
        f'mkdir deep closed closed/x; echo > closed/x/f; chmod 0 closed/x; (cd deep; {PYTHON} "{code}"); rm -rf deep; '
        f'(mkdir .dvc/deep; cd .dvc/deep; {PYTHON} "{code}"); chmod 755 closed/x'
    )
    assert done.code == 0, done.errors
    deep = world.tree / ".dvc" / "deep"
    (deep / "link").symlink_to(world.tree)
    closed = deep / "closed"
    closed.mkdir()
    (closed / "in").mkdir(mode=0)
    closed.chmod(0)
    remove(os.fsencode(deep))
    assert not deep.exists()
    assert world.tree.exists()


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    for name in ("upper", "tree", "outside"):
        (tmp_path / name).mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return tmp_path / "upper"


def found(upper: Path, below: Sequence[bytes] = (), hide: Sequence[bytes] = ()) -> list[Change]:
    return list(changes(os.fsencode(upper), os.fsencode(upper.with_name("tree")), below, hide))


def test_symlinks_are_never_followed(upper: Path) -> None:
    """Neither of the upper directory nor of a layer below, whatever they stand for."""
    tree, outside = upper.with_name("tree"), upper.with_name("outside")
    (upper / "link").symlink_to(outside)
    (upper / "up").symlink_to("..")
    (tree / "link").mkdir()
    (upper / "d").mkdir()
    (upper / "d" / "secret").write_text("secret")
    (tree / "d").symlink_to(outside)
    (upper / "f").write_text("secret")
    (tree / "f").symlink_to(outside / "secret")
    assert [(c.path, c.what, c.kind) for c in found(upper)] == [
        (b"d", What.MODIFIED, Kind.DIRECTORY),
        (b"d/secret", What.CREATED, Kind.FILE),
        (b"f", What.MODIFIED, Kind.FILE),
        (b"link", What.MODIFIED, Kind.SYMLINK),
        (b"up", What.CREATED, Kind.SYMLINK),
    ]


def test_whiteouts_in_either_form(upper: Path) -> None:
    tree = upper.with_name("tree")
    for name in ("device", "empty", "marked", "nowhere"):
        (upper / name).write_text("")
        if name != "nowhere":
            (tree / name).write_text("x")
    (upper / "device").unlink()
    os.mknod(upper / "device", stat.S_IFCHR | 0o644, os.makedev(0, 0))
    for name in ("marked", "nowhere"):
        os.setxattr(upper / name, "user.overlay.whiteout", b"")
    assert [(c.path, c.what) for c in found(upper)] == [
        (b"device", What.DELETED),
        (b"empty", What.MODIFIED),
        (b"marked", What.DELETED),
    ]


def test_special_files_are_not_opened(upper: Path) -> None:
    tree = upper.with_name("tree")
    for at in (upper, tree):
        os.mkfifo(at / "pipe")
        os.mkfifo(at / "other")
    (tree / "other").unlink()
    (tree / "other").write_text("")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.fspath(upper / "socket"))
        assert [(c.path, c.what, c.kind) for c in found(upper)] == [
            (b"other", What.MODIFIED, Kind.SPECIAL),
            (b"socket", What.CREATED, Kind.SPECIAL),
        ]


def test_layers_end_where_they_do_in_the_view(upper: Path) -> None:
    """A file ends what lies below it, and so does a hidden path."""
    first, second = upper.with_name("first"), upper.with_name("second")
    for at in (first, second):
        (at / "d").mkdir(parents=True)
        (at / "hidden").mkdir()
    (first / "f").write_text("")
    for name in ("f", "d", "hidden"):
        (second / name).mkdir(exist_ok=True)
        (second / name / "x").write_text("")
        (upper / name).mkdir()
        (upper / name / "x").write_text("")
    below = [os.fsencode(first), os.fsencode(second)]
    assert [(c.path, c.what) for c in found(upper, below, [b"hidden"])] == [
        (b"f", What.MODIFIED),
        (b"f/x", What.CREATED),
        (b"hidden", What.CREATED),
        (b"hidden/x", What.CREATED),
    ]


def test_what_leaves_has_no_attribute_of_an_overlay(upper: Path) -> None:
    (upper / "d" / "e").mkdir(parents=True)
    (upper / "d" / "f").write_text("")
    (upper / "d" / "out").symlink_to(upper.with_name("outside"))
    outside = upper.with_name("outside")
    for path in (upper / "d", upper / "d" / "e", upper / "d" / "f", outside):
        os.setxattr(path, "user.overlay.opaque", b"y")
        os.setxattr(path, "user.mine", b"1")
    strip(os.fsencode(upper / "d"))
    for path in (upper / "d", upper / "d" / "e", upper / "d" / "f"):
        assert os.listxattr(path) == ["user.mine"]
    assert "user.overlay.opaque" in os.listxattr(outside)


def test_what_leaves_may_be_closed_to_its_owner(world: World) -> None:
    """An ordinary user may not write the attributes of a file that they may not write."""
    world.write("f", "tree")
    (world.tree / "f").chmod(0o444)
    line = "from vfs.sandbox.changes import strip; strip(b'.dvc/tmp/run/upper/f'); strip(b'.dvc/tmp/run/upper/d')"
    world.run("mkdir d; chmod 555 d; chmod 400 f", keep=True)
    upper = world.scratch / "upper"
    os.setxattr(upper / "f", "user.overlay.origin", b"x")
    subprocess.run(
        [*(AS_USER if world.user else []), sys.executable, "-B", "-c", line],
        env=world.environ,
        cwd=world.tree,
        check=True,
    )
    for name, mode in (("f", 0o400), ("d", 0o555)):
        assert os.listxattr(upper / name) == []
        assert (upper / name).stat().st_mode & 0o777 == mode


def test_descriptors_are_closed_however_it_ends(upper: Path) -> None:
    (upper / "a" / "b" / "c").mkdir(parents=True)
    before = os.listdir("/proc/self/fd")
    walk = changes(os.fsencode(upper), os.fsencode(upper.with_name("tree")))
    next(walk)
    walk.close()
    list(changes(os.fsencode(upper), os.fsencode(upper.with_name("tree"))))
    with pytest.raises(FileNotFoundError):
        list(changes(os.fsencode(upper / "none"), os.fsencode(upper.with_name("tree"))))
    assert os.listdir("/proc/self/fd") == before
