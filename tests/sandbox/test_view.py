"""What a command in a private view sees and what it is to be: as if run directly, but for where its writes go."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.sandbox.conftest import AS_USER, World, as_root
from vfs.testing.variants import soak

PYTHON = "/usr/bin/python3 -I -S -c"
NAMES = [
    "plain",
    "com,ma",
    "co:lon",
    "back\\slash",
    "\\,\\:",
    "white space",
    "new\nline",
    "=upperdir=x",
    "ünï",
    os.fsdecode(b"\xff\xfe,:"),
]


def test_writes_are_in_the_scratch_and_the_tree_is_as_it_was(world: World) -> None:
    world.write("read", "tree\n")
    world.write("gone")
    done = world.run("cat read; echo new > made; echo more >> read; rm gone; ls", keep=True)
    assert (done.code, done.output) == (0, "tree\nmade\nread\n")
    assert done.what == {"gone": "deleted", "made": "created", "read": "modified"}
    assert (world.tree / "read").read_text() == "tree\n"
    assert sorted(os.listdir(world.tree)) == [".dvc", ".git", "gone", "read"]
    assert (world.scratch / "upper" / "made").read_text() == "new\n"
    assert os.listdir(world.scratch) == ["upper"]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names(world: World, name: str) -> None:
    tree, lazy = world.tree / name, world.sandbox.root / ("l" + name)
    world.write("a", "tree", at=tree)
    world.write("b/c", "lazy", at=lazy)
    world.write("b/x", "lazy", at=lazy)
    through = tree / name
    through.mkdir()
    done = world.run(
        'cat a b/c; ls b; echo > "$THROUGH/made"; echo > made',
        tree=os.fspath(tree),
        cwd=os.fspath(tree),
        scratch=os.fspath(world.sandbox.root / f"s{name}"),
        below=[os.fspath(lazy)],
        hide=["b/x"],
        through=[name],
        before=["env", f"THROUGH={name}"],
    )
    assert (done.code, done.output) == (0, "treelazyc\n"), done
    assert done.what == {"made": "created"}
    assert (through / "made").exists()


def test_layers(world: World) -> None:
    """The working tree wins; what it has is not mixed with what lies below where that is hidden."""
    for at in (world.tree, world.lazy):
        for path in ("both", "mixed/both", "whole/both"):
            world.write(path, at.name, at=at)
    for path in ("mixed/lazy", "whole/lazy", "lazy/a", "lazy/b", "kept/deep/c", "kept/d"):
        world.write(path, "lazy", at=world.lazy)
    done = world.run(
        "find . -path ./.dvc -prune -o -type f -print0 | sort -z | xargs -0 grep -H .",
        below=[str(world.lazy)],
        hide=["whole", "lazy/b", "kept/deep", "nowhere/at/all", "both/x"],
    )
    assert done.output.splitlines() == [
        "./both:tree",
        "./kept/d:lazy",
        "./lazy/a:lazy",
        "./mixed/both:tree",
        "./mixed/lazy:lazy",
        "./whole/both:tree",
    ]
    assert done.what == {}


def test_single_files_are_hidden_in_directories_that_are_merged(world: World) -> None:
    """In those that the tree has, and in those that only lie below; what a hidden directory had is gone, and a tree's own file stays."""
    for path in ("d/shown", "d/gone", "d/here", "d/below/gone", "d/below/shown", "d/all/x/y", "d/sub/z", "d/was/a/file"):  # fmt: skip
        world.write(path, "lazy", at=world.lazy)
    for path in ("d/here", "d/gone-not", "d/sub/own", "d/was"):
        world.write(path, "tree")
    hide = [
        "d/gone",
        "d/below/gone",
        "d/all",
        "d/sub",
        "d/was/a/file",
        "d/never",
        "d/all/x",
        "none/x",
    ]
    done = world.run(
        "find d | sort; cat d/here; echo more >> d/below/shown; rm d/was; mkdir d/was; echo new > d/gone; mv d/below d/moved",
        below=[str(world.lazy)],
        hide=hide,
    )
    paths = ["d", "d/below", "d/below/shown", "d/gone-not", "d/here", "d/shown", "d/sub", "d/sub/own", "d/was"]  # fmt: skip
    assert (done.code, done.output.split()) == (0, [*paths, "tree"]), done
    assert done.what == {
        "d/below": "deleted", "d/gone": "created", "d/moved": "created", "d/moved/shown": "created", "d/was": "modified",
    }  # fmt: skip


def test_two_lazy_directories(world: World) -> None:
    second = world.sandbox.root / "second"
    world.write("a", "first", at=world.lazy)
    world.write("a", "second", at=second)
    world.write("b", "second", at=second)
    done = world.run("cat a b", below=[str(world.lazy), str(second)])
    assert done.output == "firstsecond"


def test_git_and_dvc_are_the_real_ones(world: World) -> None:
    done = world.run("echo 1 > .git/made; mkdir .dvc/d; echo 2 > .dvc/d/made; rmdir .git")
    assert (world.tree / ".git/made").read_text() == "1\n"
    assert (world.tree / ".dvc/d/made").read_text() == "2\n"
    assert "busy" in done.errors
    assert done.what == {}


def test_lines_run_until_one_fails(world: World) -> None:
    done = world.run("echo 1; echo e >&2", "echo 2; exit 7", "echo 3")
    assert (done.code, done.last) == (7, 1)
    assert done.output == "1\n2\n"
    assert done.errors == "e\n"


def test_a_signal_that_ends_it_is_told(world: World) -> None:
    assert world.run("kill -SEGV $$").code == -11


@pytest.mark.parametrize(
    ("line", "code"), [("/no/such/program", 127), (".git/x", 126), ("nix", 127)]
)
def test_what_cannot_be_run(world: World, line: str, code: int) -> None:
    world.write(".git/x")
    assert world.run(line).code == code


def test_a_shell_that_is_not_there(world: World) -> None:
    done = world.run("true", before=["env", "SHELL=/no/such/shell"])
    assert done.code == 127
    assert done.errors == "vfs: /no/such/shell: No such file or directory\n"


def test_a_directory_that_is_not_there(world: World) -> None:
    done = world.run("true", cwd=str(world.tree / "nowhere"))
    assert done.code == 127
    assert done.errors == f"vfs: {world.tree}/nowhere: No such file or directory\n"


def test_environment_standard_input_and_directory(world: World) -> None:
    (world.tree / "sub").mkdir()
    done = world.run(
        "cat; pwd; env", cwd=str(world.tree / "sub"), stdin="typed\n", before=["env", "A=b\nc"]
    )
    assert done.code == 0, done
    said, inside, *rest = done.output.splitlines()
    assert (said, inside) == ("typed", str(world.tree / "sub"))
    wanted = {**world.environ, "A": "b"}
    found = dict(line.split("=", 1) for line in rest if "=" in line)
    for name in ("PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"):
        found.pop(name, None), wanted.pop(name, None)
    assert found == wanted


def test_who_and_with_what_it_runs(world: World) -> None:
    """The same user and group; no descriptor but three; no signal blocked."""
    line = "id -u; id -g; ls /proc/self/fd | wc -l; grep -E 'SigBlk|NoNewPrivs' /proc/self/status"
    done = world.run(line)
    plain = subprocess.run(
        [*(AS_USER if world.user else []), "bash", "-c", line],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert done.output == plain


def test_files_belong_to_who_made_them(world: World) -> None:
    world.run("echo > made; chmod 640 made; cp made copy; touch old", keep=True)
    owner = 65534 if world.user else 0
    made = (world.scratch / "upper" / "made").stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (owner, owner, 0o640)


def test_options_longer_than_a_command_line(world: World) -> None:
    hide = [f"d/{number:06d}" + "x" * 200 for number in range(20_000)]
    world.write("d/kept", at=world.lazy)
    world.write(hide[17], at=world.lazy)
    assert world.run("ls d", below=[str(world.lazy)], hide=hide).output == "kept\n"


@pytest.mark.parametrize("path", ["..", "a/../../b", "/etc", "."])
def test_hidden_paths_lie_in_the_tree(world: World, path: str) -> None:
    done = subprocess.run(
        world.argv("true", hide=[path]),
        env=world.environ,
        cwd="/",
        capture_output=True,
        check=False,
    )
    assert b"is not in the tree" in done.stderr


def test_several_runs_in_one_view_and_a_scratch_elsewhere(world: World) -> None:
    elsewhere = world.sandbox.root / "elsewhere"
    world.write("d/f")
    world.run("rm -r d; echo 1 > one", scratch=str(elsewhere), keep=True)
    done = world.run("cat one; ls; mkdir d", scratch=str(elsewhere), keep=True)
    assert done.output == "1\none\n"
    assert done.what == {"d": "modified", "d/f": "deleted", "one": "created"}
    assert not (world.tree / "one").exists()


@pytest.mark.parametrize("world", [soak("root"), "user"], indirect=True)
def test_a_gigabyte_is_written_once(world: World) -> None:
    """It lies in the scratch, and is renamed to where it stays."""
    free = os.statvfs(world.tree)
    done = world.run(
        "head -c 1G /dev/zero > big; sync big; df --output=used -B1 . | tail -1", keep=True
    )
    assert done.of("big")[4] == 1 << 30
    assert not (world.tree / "big").exists()
    upper = world.scratch / "upper" / "big"
    made = upper.stat()
    used = int(done.output) - (free.f_blocks - free.f_bfree) * free.f_frsize
    assert (1 << 30) <= made.st_blocks * 512 < (1 << 30) + (1 << 20)
    assert used < (2 << 30) - (1 << 28), "others write here too"
    upper.rename(world.tree / "big")
    assert (world.tree / "big").stat().st_ino == made.st_ino


@as_root
def test_what_is_mounted_in_the_tree_is_seen(world: World) -> None:
    (world.tree / "mnt x").mkdir()
    done = world.run(
        "cat 'mnt x/f'; echo > 'mnt x/made'",
        before=[
            *("unshare", "-m", "sh", "-c"),
            'mount -t tmpfs none "$0/mnt x"; echo inside > "$0/mnt x/f"; "$@"; ls "$0/mnt x" >&2',
            str(world.tree),
        ],
    )
    assert (done.output, done.errors) == ("inside\n", "f\nmade\n")
    assert done.what == {}


@as_root
def test_a_mount_whose_server_is_gone_is_in_nobody_s_way(world: World) -> None:
    (world.tree / "mnt").mkdir()
    dead = (
        'bindfs -f "$0" "$0/mnt" & until mountpoint -q "$0/mnt"; do :; done; kill -9 $!;'
        'wait $! || "$@"; umount "$0/mnt"'
    )
    done = world.run("cat mnt/x", before=["unshare", "-m", "sh", "-c", dead, str(world.tree)])
    assert done.code == 1
    assert "mnt/x: Transport endpoint is not connected" in done.errors
    assert done.what == {}


def test_the_top_is_as_the_tree_s(world: World) -> None:
    """Who owns it, its permissions and what new files inherit from it."""
    os.chown(world.tree, -1, 65534)
    world.tree.chmod(0o2750)
    os.setxattr(world.tree, "user.note", b"1")
    line = f'stat -c "%u %g %a %Y" .; {PYTHON} \'import os; print(os.listxattr("."))\'; echo > made; stat -c %g made'
    done = world.run(line)
    plain = subprocess.run(["sh", "-c", line], cwd=world.tree, capture_output=True, check=True)
    assert done.output == plain.stdout.decode()


def test_a_scratch_that_a_killed_run_left_is_used_again(world: World) -> None:
    world.write("upper/old", at=world.scratch)
    (world.scratch / "work-1").mkdir()
    done = world.run("ls", keep=True)
    assert done.output == "old\n"
    assert os.listdir(world.scratch) == ["upper"]


@as_root
def test_flags_of_the_tree_s_mount_hold(world: World) -> None:
    (world.tree / "x").write_text("#!/bin/sh\n")
    (world.tree / "x").chmod(0o755)
    done = world.run(
        "./x",
        before=[
            "unshare",
            "-m",
            "sh",
            "-c",
            'mount -B "$0" "$0"; mount -o remount,bind,noexec "$0"; "$@"',
            str(world.tree),
        ],
    )
    assert done.code == 126


INNER = """\
import os, shutil, sys
from vfs.errors import Unsupported
from vfs.sandbox.view import View

tree, scratch = os.getcwd(), sys.argv[1]
view = View(tree, scratch)
try:
    print(view.run([["sh", "-c", "echo > inner; ls"]], tree, dict(os.environ)).code, flush=True)
    print([change.path for change in view.changes()])
except Unsupported as error:
    print(error.message)
finally:
    view.close()
"""


def test_a_view_in_a_view(world: World) -> None:
    """A command may run one itself, with a scratch that is no overlay: root's may. What is bound through is a mount in the tree."""
    inner = Path("/dev/shm", world.mark)
    inner.mkdir()
    inner.chmod(0o777)
    world.write("inner.py", INNER, at=world.sandbox.root)
    line = f"echo > outer; exec /usr/bin/python3 {world.sandbox.root}/inner.py {inner}/s"
    done = world.run(line)
    inner.rmdir()
    if world.user:
        assert done.output.startswith(f"no private view: {world.tree}/.dvc is a mount"), done
    else:
        assert done.output == "inner\nouter\n0\n[b'inner']\n", done
    assert done.what == {"outer": "created"}
