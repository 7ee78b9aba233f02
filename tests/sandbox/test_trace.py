"""What a command in a private view touched: real namespaces, as root and as an ordinary user who may open /dev/fuse."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.sandbox.conftest import Result, World, as_root
from vfs.sandbox.removal import remove
from vfs.sandbox.trace import IGNORED, Of, Touch, Trace, load
from vfs.testing.mounts import wait_until
from vfs.testing.variants import soak

PYTHON = "/usr/bin/python3 -S"
FUSE = 'mount --bind "$0" /dev/fuse; exec "$@"'
Traced = Callable[..., tuple[Trace, Result]]


@pytest.fixture(scope="module")
def device() -> Iterator[Path]:
    """A /dev/fuse that everybody may open, as every desktop and server has it."""
    place = Path("/dev") / f"vfs-test-{os.getpid()}"
    place.mkdir()
    try:
        subprocess.run(["mknod", "-m", "666", place / "fuse", "c", "10", "229"], check=True)
        yield place / "fuse"
    finally:
        shutil.rmtree(place)


@pytest.fixture
def watched(device: Path) -> list[str]:
    """What goes before the driver's command line."""
    return ["unshare", "--mount", "sh", "-euc", FUSE, str(device)]


@pytest.fixture
def traced(world: World, watched: list[str]) -> Traced:
    """Run lines, and have what they touched."""

    def run(*lines: str, before: list[str] | None = None, **options: Any) -> tuple[Trace, Result]:
        names = [os.fsdecode(name) for name in sorted(IGNORED)]
        start = watched if before is None else before
        done = world.run(*lines, before=start, unwatched=names, **options)
        assert done.code is not None, done
        with (world.sandbox.root / "trace").open("rb") as file:
            return load(file, "trace"), done

    return run


def whole(trace: Trace) -> dict[str, Touch]:
    """What was touched, if nothing is missing."""
    assert trace.gaps == ()
    return {os.fsdecode(path): touch for path, touch in trace.touches.items()}


def test_each_kind(world: World, traced: Traced) -> None:
    for path in ("first", "sub/read", "sub/found", "map", "unused/x", ".git/HEAD", "gone"):
        world.write(path, "text")
    shutil.copy("/bin/true", world.tree / "program")
    world.write("lazy/file", "lazy", at=world.lazy)
    trace, done = traced(
        "cat sub/read first first; stat sub/found; ls lazy; cat lazy/file; ./program; ls .git; cat .git/HEAD",
        f"{PYTHON} -I -c 'import mmap; f = open(\"map\"); mmap.mmap(f.fileno(), 0, prot=1)[:]'",
        "echo > made; cat made; echo > .t; mv .t moved; rm gone; mkdir -p new/er; echo > new/er/x; cat new/er/*",
        "stat sub/none nowhere nowhere/deeper lazy/none sub/none/at/all 2> /dev/null; :",
        below=[str(world.lazy)],
    )
    assert done.code == 0, done
    found = whole(trace)
    assert found == {
        "sub/read": Touch.OPENED,
        "first": Touch.OPENED,
        "lazy": Touch.LISTED,
        "lazy/file": Touch.OPENED,
        "program": Touch.OPENED,
        "map": Touch.OPENED,
        "made": Touch.MADE,
        ".t": Touch.MADE,
        "moved": Touch.MADE,
        "new": Touch.MADE,
        "sub/none": Touch.GHOST,
        "nowhere": Touch.GHOST,
        "lazy/none": Touch.GHOST,
    }
    assert list(found)[:3] == ["sub/read", "first", "lazy"]


def test_what_nobody_touched(traced: Traced) -> None:
    """Neither the overlay, the program nor the walk leave anything: the shell is outside of the tree."""
    trace, _ = traced("true")
    assert whole(trace) == {}


def test_how_much_was_read(world: World, traced: Traced) -> None:
    """By all processes, those left in the background too; not by the program or what serves the shadow."""
    world.write("big", "x" * 3_000_000)
    orphan = "setsid sh -c 'cat big > /dev/null; : > done' & until [ -e done ]; do :; done"
    lines = ["cat big; ls none; :", orphan]
    _, done = traced(*lines)
    for read in (done.read, world.run(*lines).read):
        assert read is not None
        assert 6_000_000 <= read < 6_060_000  # what loads the programs


def test_an_import(world: World, traced: Traced) -> None:
    world.write("main.py", "import helper\ntry:\n    import absent\nexcept ImportError: pass\n")
    world.write("helper.py", "import lib.part")
    world.write("lib/__init__.py")
    world.write("lib/part.py")
    trace, done = traced(f"PYTHONPATH=$PWD/extra {PYTHON} main.py")
    assert done.code == 0, done
    found = whole(trace)
    wanted = {"main.py", "helper.py", "lib/__init__.py", "lib/part.py"}
    assert {path for path, touch in found.items() if touch is Touch.OPENED} == wanted
    assert {path for path, touch in found.items() if touch is Touch.LISTED} == {".", "lib"}
    assert "extra" in {path for path, touch in found.items() if touch is Touch.GHOST}


def test_nested_and_in_the_background(world: World, traced: Traced) -> None:
    """What runs in the background is heard to its end, also when it is told to end."""
    for name in ("nested", "beside", "late"):
        world.write(name)
    late = "trap 'cat late; cat never; echo > last; exit' TERM\necho > ready\nwhile :; do sleep 0.01; done\n"
    world.write("late.sh", late)
    trace, done = traced(
        "sh -c \"sh -c 'cat nested'\"; setsid cat beside & wait",
        "setsid sh late.sh & until [ -e ready ]; do :; done",
    )
    found = whole(trace)
    opened = {path for path, touch in found.items() if touch is Touch.OPENED}
    assert opened == {"nested", "beside", "late", "late.sh"}
    assert found["never"] is Touch.GHOST
    assert done.what == {"last": "created", "ready": "created"}


@pytest.mark.parametrize("world", [soak("root"), "user"], indirect=True)
def test_ten_thousand_files(world: World, traced: Traced) -> None:
    names = [f"d{n % 50}/f{n}" for n in range(10_000)]
    for name in names:
        world.write(name)
    trace, _ = traced(
        "find . -name .dvc -prune -o -type f -print0 | xargs -0 cat; cat ghost d?/ghost-*"
    )
    found = whole(trace)
    assert set(names) == {path for path, touch in found.items() if touch is Touch.OPENED}
    assert {f"d{n}" for n in range(50)} < {p for p, touch in found.items() if touch is Touch.LISTED}


def test_hostile_names(world: World, traced: Traced) -> None:
    names = [b"\xff\xfe", b"new\nline", b"a,b:c\\d", b"x" * 255, b"\xc3\xbc" * 127]
    for name in names:
        (world.tree / os.fsdecode(name)).mkdir()
        (world.tree / os.fsdecode(name) / os.fsdecode(name)).touch()
    script = "import os\nfor d in os.listdir(b'.'):\n  if d[:1] != b'.':\n"
    script += "    open(d + b'/' + d).close(); os.path.exists(d + b'/no' + d[:250])\n"
    world.write(".git/x.py", script)
    trace, done = traced(f"{PYTHON} .git/x.py")
    assert done.code == 0, done
    assert trace.gaps == ()
    assert set(trace.of(Touch.OPENED)) == {name + b"/" + name for name in names}
    assert set(trace.of(Touch.GHOST)) == {name + b"/no" + name[:250] for name in names}


def test_a_path_that_is_too_long_for_the_kernel(world: World, traced: Traced) -> None:
    name, levels = "d" * 200, 45
    here = os.open(world.tree, os.O_PATH)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_PATH, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT, dir_fd=here))
    os.close(here)
    script = f"import os\nfor _ in range({levels}): os.chdir({name!r})\nopen('file'); os.path.exists('none')"
    world.write(".git/x.py", script)
    trace, done = traced(f"{PYTHON} .git/x.py")
    assert done.code == 0, done
    remove(os.fsencode(world.tree / name))  # the sandbox's own way of clearing up has no such paths
    deep = "/".join([name] * levels)
    assert whole(trace) == {f"{deep}/file": Touch.OPENED, f"{deep}/none": Touch.GHOST}


def test_layers_and_what_they_hide(world: World, traced: Traced) -> None:
    """Watched is what the view shows; ghosts are in directories of every layer."""
    for path in ("kind/is/a/file", "hidden/x", "shown/deep/x", "mixed/hidden/x", "mixed/shown/x"):
        world.write(path, at=world.lazy)
    world.write("kind", "a file")
    world.write("mixed/own/x")
    trace, done = traced(
        "cat shown/deep/none mixed/shown/none mixed/own/none hidden/none; cat */*/x kind",
        below=[str(world.lazy)],
        hide=["hidden", "mixed/hidden"],
    )
    assert done.code == 0, done
    found = whole(trace)
    opened = [path for path, touch in found.items() if touch is Touch.OPENED]
    assert opened == ["mixed/own/x", "mixed/shown/x", "shown/deep/x", "kind"]
    ghosts = {path for path, touch in found.items() if touch is Touch.GHOST}
    assert ghosts == {"shown/deep/none", "mixed/shown/none", "mixed/own/none"}
    assert "hidden" not in found, "the mask ends a look-up: what it hides is no ghost"


def test_python_environments_and_caches_are_not_watched(world: World, traced: Traced) -> None:
    for path in (
        "env/pyvenv.cfg",
        "env/lib/x.py",
        "node_modules/a/b",
        "p/__pycache__/m.pyc",
        "p/m.pyc",
    ):
        world.write(path)
    trace, _ = traced(
        "cat env/lib/x.py env/none node_modules/a/b p/__pycache__/m.pyc p/m.pyc; ls node_modules; cat p/no"
    )
    assert whole(trace) == {"p/no": Touch.GHOST}


@pytest.mark.parametrize("world", [soak("root"), "user"], indirect=True)
def test_races_of_names(world: World, traced: Traced) -> None:
    """Files that are made, renamed, replaced and removed while others are read."""
    names = [f"in/{number}" for number in range(500)]
    for name in names:
        world.write(name, "x")
    world.write(
        ".git/x.py",
        """\
import os, threading
def churn(at):
    for n in range(500):
        name = f"in/{at}-{n}"
        open(name, "w").close(); os.rename(name, name + ".b"); os.replace(name + ".b", f"in/{at}")
        os.mkdir(name); os.rmdir(name)
    os.unlink(f"in/{at}")
threads = [threading.Thread(target=churn, args=(at,)) for at in "abc"]
for t in threads: t.start()
for n in range(500): open(f"in/{n}").read(); os.path.exists(f"in/ghost{n}")
for t in threads: t.join()
""",
    )
    trace, done = traced(f"{PYTHON} .git/x.py")
    assert (done.code, done.what) == (0, {}), done
    found = whole(trace)
    assert [path for path, touch in found.items() if touch is Touch.OPENED] == names
    assert {p for p, t in found.items() if t is Touch.GHOST} == {f"in/ghost{n}" for n in range(500)}


def test_a_queue_that_runs_over(world: World, traced: Traced) -> None:
    """The program does not read while it is stopped."""
    world.write("a")
    world.write("b")
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    opens = f"import os\nfor n in range({2 * most}): os.close(os.open('ab'[n % 2], 0))\n"
    world.write(".git/x.py", opens + "os.path.exists('ghost')")
    trace, done = traced(
        f"kill -STOP $PPID; {PYTHON} .git/x.py; kill -CONT $PPID; cat a b", "cat a"
    )
    assert done.code == 0, done
    assert not trace.complete
    assert trace.ghosts_known
    assert trace.of(Touch.GHOST) == [b"ghost"]


@as_root
@pytest.mark.parametrize(
    ("limit", "value", "why"),
    [
        ("max_inotify_watches", 2, "fs.inotify.max_user_watches is reached"),
        ("max_inotify_instances", 0, "fs.inotify.max_user_instances is reached"),
    ],
)
def test_too_few_watches(world: World, traced: Traced, limit: str, value: int, why: str) -> None:
    for name in ("a/x", "b/x", "c/x"):
        world.write(name)
    before = [
        "unshare",
        "-Ur",
        "sh",
        "-euc",
        f'echo {value} > /proc/sys/user/{limit}; exec "$@"',
        "sh",
    ]
    trace, done = traced("cat */x; cat ghost", before=before)
    assert done.last == 0
    assert not trace.complete
    assert [gap.why.endswith(why) for gap in trace.gaps if gap.of is Of.FILES] == [True]
    assert trace.ghosts_known
    assert trace.of(Touch.GHOST) == [b"ghost"]


def test_without_fuse(world: World, traced: Traced) -> None:
    """Ghosts are not known, and everything else is."""
    world.write("read", "text")
    nothing = world.write("nothing", at=world.sandbox.root)
    before = ["unshare", "--mount", "sh", "-euc", FUSE, str(nothing)]
    trace, done = traced("cat read; cat none; mkdir new; echo > new/x; rm read", before=before)
    assert done.what == {"new": "created", "new/x": "created", "read": "deleted"}
    assert trace.complete
    assert not trace.ghosts_known
    assert trace.touches == {b"read": Touch.OPENED, b"new": Touch.MADE}


def test_the_shadow_is_not_seen(world: World, traced: Traced) -> None:
    """Listings, counts of space and inode numbers are those of a view without one."""
    world.write("own/deep/x")
    world.write("lazy/x", at=world.lazy)
    line = "ls -aR own lazy; ls -a; df . | wc -l; stat -c '%n %F %a %u %g' . own own/deep lazy; ls -i | sort > $OUT; ls -i | sort | diff - $OUT"
    line = f"OUT={world.sandbox.root}/inodes; {line}; rm -r own && mkdir own && ls -a own && rmdir lazy 2>&1; find own"
    below = [str(world.lazy)]
    _, with_one = traced(line, below=below)
    plain = world.run(line, below=below)
    assert with_one.output == plain.output
    assert with_one.what == plain.what
    assert with_one.errors == plain.errors


def _started(world: World, watched: list[str]) -> subprocess.Popen[bytes]:
    """A driver whose command runs."""
    mark = world.sandbox.root / "mark"
    mark.mkdir()
    mark.chmod(0o777)
    line = f"cat ghost 2> /dev/null; echo > {mark}/on; while :; do cat other; done 2> /dev/null"
    argv = world.argv(line, before=watched, unwatched=[])
    process = subprocess.Popen(argv, env=world.environ, cwd="/")
    wait_until(lambda: (mark / "on").exists(), "the command")
    return process


@pytest.mark.parametrize("who", ["driver", "program"])
def test_a_kill_leaves_nothing(world: World, watched: list[str], who: str) -> None:
    driver = _started(world, watched)
    program = psutil.Process(driver.pid).children()[0]
    try:
        assert len(program.children()) == 2
    finally:
        os.kill(driver.pid if who == "driver" else program.pid, signal.SIGKILL)
        driver.wait(30)
        world.nothing_is_left()


def test_a_shadow_that_is_killed(world: World, traced: Traced) -> None:
    """The commands go on with what is there; what they look for in vain is an error."""
    world.write("here", "text")
    others = "for p in $(cat /proc/$PPID/task/$PPID/children); do [ $p = $$ ] || kill -9 $p; done"
    trace, done = traced(f"cat here none; {others}", "cat here")
    assert (done.code, done.output) == (0, "texttext")
    assert trace.complete
    assert not trace.ghosts_known
