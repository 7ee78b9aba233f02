"""What runs touched: told, declared by `--trace`, kept."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from tests.pipeline.clones import clone_of, published
from tests.pipeline.conftest import Work


def test_what_is_read_and_not_declared_is_told(work: Work) -> None:
    work.write("tool.sh", "cat a other\n")
    work.write("other", "x\n")
    work.pipeline("  one: {cmd: sh tool.sh > b, deps: [a, params.yaml], params: [lr], outs: [b]}\n")
    work.pipeline(work.read("dvc.yaml").removeprefix("stages:\n").replace("a, params.yaml", "a, unread"))  # fmt: skip
    work.write("unread", "x\n")
    said = work.vfs("repro")
    assert "stage 'one' read what is not among its deps: 'tool.sh', 'other'" in said
    assert "stage 'one' did not read what is among its deps: 'unread'" in said
    work.pipeline("  one: {cmd: sh tool.sh > b, deps: [a, tool.sh, other], outs: [b]}\n")
    assert "deps:" not in work.vfs("repro")


def test_declared_by_what_it_touched(work: Work) -> None:
    work.write("dvc.yaml", "# mine\nstages: {}\n")
    work.write(
        "src/tool.sh", "cat a ../a data/x 2> /dev/null; test -e never; mkdir made; cp a made\n"
    )
    for name in ("x", "y", "z"):
        work.write(f"data/{name}", name)
    work.vfs("add", "data")
    work.write("in/git", "old\n")
    work.git("add", "-A")
    work.vfs("run", "-n", "one", "--trace", "-d", "a", "sh src/tool.sh > out; echo new > in/git")
    assert work.read("dvc.yaml") == (
        "# mine\nstages:\n  one:\n    cmd: sh src/tool.sh > out; echo new > in/git\n    deps:\n    - a\n    - data/x\n    - src/tool.sh\n"
        "    outs:\n    - in/git:\n        cache: false\n    - made\n    - out\n"
    )
    assert work.read("in/git") == "new\n"
    assert work.read("made/a") == "a\n"
    assert "nothing to run" in work.vfs("status")
    assert work.outcomes() == {"one": "unchanged"}


def test_traces_are_kept(work: Work) -> None:
    work.pipeline("  one: {cmd: cat a $(cat a) nowhere; cp a b, deps: [a], outs: [b]}\n")
    work.vfs("trace", "show", "one", code=5)
    work.vfs("repro")
    said = work.vfs("trace", "show", "one").splitlines()
    assert "opened  a" in said
    assert "ghost   nowhere" in said
    work.vfs("trace", "diff", "one", code=5)
    work.write("more", "x\n")
    work.pipeline("  one: {cmd: cat a more; cp a b, deps: [a, more], outs: [b]}\n")
    work.vfs("repro")
    assert work.vfs("trace", "diff", "one").splitlines() == ["+opened  more", "-ghost   nowhere"]
    found = [json.loads(line) for line in work.vfs("trace", "diff", "one", "--json").splitlines()]
    assert [(one["path"], one["touch"], one["change"]) for one in found] == [
        ("more", "opened", "new"), ("nowhere", "ghost", "gone"),
    ]  # fmt: skip
    assert work.vfs("trace", "show", "nope", code=5)


def test_bytes_read(work: Work) -> None:
    """Of a run as a whole by the kernel; of what is not here, for each file, by the daemon that served it."""
    (work.root / "data").mkdir()
    for name, size in (("half", 6 << 20), ("whole", 300_000), ("never", 70_000), ("small", 10)):
        (work.root / "data" / name).write_bytes(os.urandom(size))
    work.vfs("add", "data")
    command = "head -c 3145728 data/half | cat data/whole data/small - a | tee b > /dev/null"
    published(work, f"  one: {{cmd: '{command}', deps: [data, a], outs: [b]}}\n")
    (here,) = work.documents("log", "one")
    read = 3 * (3 << 20) + 2 * 300_012  # each pipe is read as well
    assert read <= here["read"] < read + 200_000  # what loads the programs
    assert (here["streamed"], here["fetched"], here["commit"] != "") == (0, 0, True)
    clone = clone_of(work, "clone")
    assert clone.outcomes("-f") == {"one": "ran"}
    (there,) = clone.documents("log", "one")
    assert read <= there["read"] < read + 200_000
    touched = {one["path"]: one.get("read") for one in clone.documents("trace", "show", "one")}
    half = touched.pop("data/half") or 0
    assert touched == {"data/whole": 300_000, "data/small": 10, "a": None, "b": None}
    assert 3 << 20 <= half < 6 << 20  # the kernel reads ahead
    assert there["streamed"] == half + 300_010
    assert " 9.6 MiB " in clone.vfs("log", "one")
    assert "opened   293.0 KiB data/whole" in clone.vfs("trace", "show", "one").splitlines()
    work.vfs("repro", "--in-place", "-f")
    assert next(one["read"] for one in work.documents("log", "one")) is None


def test_runs_of_revisions(work: Work) -> None:
    """A run is that of a revision if it had and made what its lock says."""
    work.pipeline("  one: {cmd: cp a b, deps: [a], outs: [b]}\n")
    work.git("tag", "never")
    for number in "12":
        work.pipeline(f"  one: {{cmd: cat a more{number} > b; true, deps: [a], outs: [b]}}\n")
        work.write(f"more{number}", "x\n")
        work.vfs("repro")
        work.git("add", "-A")
        work.git("commit", "-q", "-m", number)
        work.git("tag", f"v{number}")
    work.write("a", "other\n")
    work.vfs("repro")
    assert "opened  more1" in work.vfs("trace", "show", "one", "v1")
    assert work.vfs("trace", "diff", "one", "v1").splitlines() == ["+opened  more2", "-opened  more1"]  # fmt: skip
    assert work.vfs("trace", "diff", "one", "v2") == ""
    assert work.vfs("trace", "diff", "one", "v2", "v1").splitlines() == ["+opened  more1", "-opened  more2"]  # fmt: skip
    assert "never records no run of stage one" in work.vfs("trace", "show", "one", "never", code=5)
    for path in (work.root / ".git/vfs/runs").glob("*.trace"):
        path.unlink()
    said = work.vfs("trace", "show", "one", "v1", code=5)
    assert "the run of stage one that v1 records was not traced on this machine" in said
    work.vfs("trace", "diff", "one", "v1", "v2", "v1", code=2)


def test_what_the_user_ignores(work: Work) -> None:
    work.write(".vfs/config.yaml", "trace:\n  ignore: |\n    *.log\n    /tmp/\n    !kept.log\n")
    for path in ("x.log", "sub/kept.log", "tmp/y", "sub/tmp/z"):
        work.write(path, "x\n")
    work.vfs("run", "-n", "one", "--trace", "cat x.log sub/kept.log tmp/y sub/tmp/z none.log none > b; touch out.log")  # fmt: skip
    assert work.read("dvc.yaml").split("deps:")[1].split() == [
        *("-", "sub/kept.log", "-", "sub/tmp/z", "outs:", "-", "b"),
    ]  # fmt: skip
    touched = {one["path"] for one in work.documents("trace", "show", "one")}
    assert touched == {"sub/kept.log", "sub/tmp/z", "b", "none"}
    work.pipeline("  one: {cmd: cat a > b, deps: [a, x.log], outs: [b]}\n")
    assert "did not read" not in work.vfs("repro")
    work.write(".vfs/config.yaml", "trace:\n  ignored: x\n")
    assert "unknown setting 'trace.ignored'" in work.vfs("repro", "-f", code=8)


def test_a_ghost_that_appears_is_a_hint(work: Work, waiting: Callable[[Path], None]) -> None:
    work.pipeline(
        "  one: {cmd: 'cat a none sub/none c 2> /dev/null > b; true', deps: [a], outs: [b]}\n"
        f"  two: {{cmd: 'test -e late; : > {work.signs}/go; while [ ! -e {work.signs}/on ]; do :; done; cp a c', deps: [a], outs: [c]}}\n"
    )
    work.vfs("repro", "one")
    assert "nothing to run" in work.vfs("status", "one")
    assert "looked for" not in work.vfs("status")
    work.write("none", "x\n")
    said = work.vfs("status", "one")
    assert "hint           one: its last run looked for 'none' in vain; it is there now" in said
    assert "nothing to run" in said
    found = [one for one in work.documents("status") if one["type"] == "appeared"]
    assert found == [{"type": "appeared", "stage": "one", "path": "none"}]
    work.vfs("status", "-q", "one")
    work.write("c", "an out of another stage, which it came before\n")
    assert "looked for 'none' in vain" in work.vfs("status", "one", "two")
    assert work.outcomes("one") == {"one": "unchanged"}
    assert work.outcomes("-f", "one") == {"one": "ran"}
    assert "looked for" not in work.vfs("status")
    process = work.start("repro", "two")
    waiting(work.signs / "go")
    work.write("late", "x\n")
    (work.signs / "on").touch()
    said = process.communicate()[0].decode()
    assert "stage 'two': its last run looked for 'late' in vain; it is there now" in said


def test_names_that_no_declaration_can_have_are_left_out(work: Work) -> None:
    names = r"""printf y > "$(printf 'c\377')"; echo z > 'c$'"{x}"; echo n > "$(printf 'c\nd')"; echo u > remote:x """
    said = work.vfs("run", "-n", "one", "--trace", "echo x > b; " + names)
    assert r"no dvc.yaml can name 'c${x}', 'c\xff', 'remote:x'; declared without" in said
    assert r"wrote 3 paths that it does not declare: 'c${x}' (created), 'c\xff' (created)" in said
    assert work.read("b") == "x\n"
    assert work.outcomes() == {"one": "unchanged"}
