"""Runs in private views of directories that are here in part: what never was here is seen, what was deleted is not, and both count."""

import os
import shutil
from pathlib import Path

import pytest

from tests.pipeline.clones import clone_of, nothing_is_left, published
from tests.pipeline.conftest import Work, begun, forbidden
from vfs.testing.sandbox import Sandbox

FILES = ("x", "y", "sub/one", "sub/two", "sub/deep/z", "other/o")
SHOW = "cd data; find . -type f | sort | while read f; do echo $f $(cat $f); done"
STAGES = f"""\
  all: {{cmd: '({SHOW}) > all', deps: [data], outs: [all]}}
  part: {{cmd: '(cat data/y data/sub/one; ls data/sub/deep) > part', deps: [data/y, data/sub], outs: [part]}}
  made: {{cmd: 'mkdir d; cp data/x d/x; echo two > d/y', deps: [data/x], outs: [d]}}
  after: {{cmd: 'cat d/* > after', deps: [d], outs: [after]}}
"""


@pytest.fixture(scope="module")
def origin(module_sandbox: Sandbox) -> Work:
    """What tests clone; nobody changes it, nor its remote."""
    work = begun(module_sandbox)
    for path in FILES:
        work.write(f"data/{path}", f"{path}\n")
    work.vfs("add", "data")
    published(work, STAGES)
    return work


@pytest.fixture
def fresh(origin: Work, request: pytest.FixtureRequest) -> Work:
    return clone_of(origin, request.node.name)


@pytest.fixture
def clone(fresh: Work) -> Work:
    fresh.vfs("pull", "data/x", "data/sub/one", "d/x")
    return fresh


def seen(**files: str) -> list[str]:
    """What `all` holds where the view shows these files."""
    return [f"./{path} {text}" for path, text in sorted(files.items())]


ALL = {path: path for path in FILES}


def test_a_part_that_nobody_changed_counts_as_all(clone: Work, dvc3: Path) -> None:
    lock, pointer = clone.read("dvc.lock"), clone.read("data.dvc")
    assert "4 stages: nothing to run" in clone.vfs("status")
    assert set(clone.outcomes("--dry-run").values()) == {"unchanged"}
    assert set(clone.outcomes().values()) == {"unchanged"}
    assert set(clone.outcomes("-f", "--no-run-cache").values()) == {"ran"}
    assert clone.read("all").splitlines() == seen(**ALL)
    assert clone.read("part") == "y\nsub/one\nz\n"
    assert clone.read("dvc.lock") == lock
    assert clone.read("data.dvc") == pointer
    assert sorted(os.listdir(clone.root / "data")) == ["sub", "x"]
    (clone.root / "all").unlink()
    found = clone.outcomes("all")  # its key in the run cache is that of all of it
    assert found == {"all": "restored"}
    nothing_is_left(clone)
    clone.sandbox.run([dvc3, "pull"], cwd=clone.root)
    assert clone.sandbox.run([dvc3, "status", "--json"], cwd=clone.root).stdout.strip() == b"{}"


def test_sizes_are_recorded_as_if_all_were_here(clone: Work, dvc3: Path) -> None:
    clone.write("data/x", "changed\n")
    clone.write("data/sub/one", "one")
    assert clone.outcomes("all", "made") == {"all": "ran", "made": "ran"}
    lock, pointer = clone.read("dvc.lock"), clone.read("data.dvc")
    for text in (lock, pointer):
        assert f"size: {sum(len(path) + 1 for path in FILES) + 6 - 5}\n" in text
    assert lock.count("- path:") == lock.count(" size:")
    clone.sandbox.run([dvc3, "pull", "-q", "data"], cwd=clone.root, check=False)
    clone.sandbox.run([dvc3, "add", "-q", "data"], cwd=clone.root)
    clone.sandbox.run([dvc3, "commit", "-f", "-q", "all"], cwd=clone.root)
    assert (clone.read("dvc.lock"), clone.read("data.dvc")) == (lock, pointer)


def test_what_the_user_did_with_a_part_is_seen(clone: Work) -> None:
    """Deleted, changed, added; a file where a directory was, and the reverse."""
    clone.vfs("pull", "data/sub", "data/other")
    shutil.rmtree(clone.root / "data/sub")
    shutil.rmtree(clone.root / "data/other")
    clone.write("data/other", "file\n")
    clone.write("data/y/inner", "inner\n")
    clone.write("data/x", "changed\n")
    clone.write("data/added", "added\n")
    show = f"({SHOW}; find . -type d | sort) > all"
    clone.pipeline(f"  all: {{cmd: '{show}', deps: [data], outs: [all]}}\n")
    assert "dep data modified" in clone.vfs("status")
    assert clone.outcomes("--dry-run") == {"all": "would-run"}
    assert clone.outcomes() == {"all": "ran"}
    shown = {"x": "changed", "added": "added", "other": "file", "y/inner": "inner"}
    assert clone.read("all").splitlines() == [*seen(**shown), ".", "./y"]
    assert "nothing to run" in clone.vfs("status")


def test_what_never_was_here_stays_listed(clone: Work, dvc3: Path) -> None:
    clone.vfs("pull", "data/y")
    clone.write("data/x", "changed\n")
    (clone.root / "data/y").unlink()
    (clone.root / "data/sub/one").unlink()
    (clone.root / "data/sub").rmdir()
    said = clone.vfs("repro", "all")
    assert (
        "data: 2 of its files were here and are gone, so they leave its list, first data/sub/one"
        in said
    )
    shown = {path: path for path in FILES if path not in ("y", "sub/one")} | {"x": "changed"}
    assert clone.read("all").splitlines() == seen(**shown)
    assert not (clone.root / "data/sub").exists()
    assert "nothing to run" in clone.vfs("status", "all")
    listed = clone.vfs("ls", "-R", "--rev", "worktree", "data")
    assert "sub/two" in listed
    assert "sub/one" not in listed
    clone.vfs("push")
    clone.git("add", "-A")
    clone.git("commit", "-q", "-m", "changed")
    other = clone_of(clone, "other")
    other.sandbox.run([dvc3, "pull", "data", "all"], cwd=other.root)
    said = other.sandbox.run([dvc3, "status", "all"], cwd=other.root).stdout.decode()
    assert "up to date" in said
    assert other.outcomes("all") == {"all": "unchanged"}


def test_a_part_of_another_revision_is_not_mixed_with_this_one(work: Work) -> None:
    """`git checkout` changed the pointer and nothing else; what the user writes after it is theirs."""
    for name in ("x", "y"):
        work.write(f"data/{name}", f"{name}\n")
    work.vfs("add", "data")
    published(work, "  all: {cmd: cat data/x data/y > all, deps: [data], outs: [all]}\n")
    for name in ("x", "y"):
        work.write(f"data/{name}", f"new {name}\n")
    work.vfs("add", "data")
    work.vfs("push")
    work.git("commit", "-q", "-a", "-m", "new")
    work.git("tag", "new")
    work.write("data/y", "newest y\n")
    work.vfs("add", "data")
    work.vfs("push")
    work.git("commit", "-q", "-a", "-m", "newest")
    clone = clone_of(work, "clone")
    clone.git("checkout", "-q", "new^")
    clone.vfs("pull", "data/x")
    clone.git("checkout", "-q", "origin/HEAD")
    clone.git("checkout", "-q", "new")
    pointer = clone.read("data.dvc")
    said = clone.vfs("repro", code=16)
    assert "data/x is of another version than data.dvc says" in said
    assert clone.read("data.dvc") == pointer
    clone.write("data/x", "mine\n")
    assert clone.outcomes() == {"all": "ran"}
    assert clone.read("all") == "mine\nnew y\n"
    clone.write("data/x", "x\n")  # by hand, after the pointer was written
    assert clone.outcomes() == {"all": "ran"}
    assert clone.read("all") == "x\nnew y\n"


def test_what_holds_it_and_what_lies_beside_it(work: Work) -> None:
    work.write("mixed/plain", "plain\n")
    for name in ("t", "u", "v"):
        work.write(f"mixed/{name}/1", f"{name}1\n")
        work.write(f"mixed/{name}/2", f"{name}2\n")
    work.vfs("add", "mixed/t", "mixed/u", "mixed/v")
    published(work, "  one: {cmd: 'cat mixed/plain mixed/*/* > b', deps: [mixed], outs: [b]}\n")
    clone = clone_of(work, "clone")
    clone.vfs("pull", "mixed/t/1", "mixed/u")
    lock = clone.read("dvc.lock")
    assert clone.outcomes("-f") == {"one": "ran"}
    assert clone.read("b").split() == ["plain", "t1", "t2", "u1", "u2", "v1", "v2"]
    assert clone.read("dvc.lock") == lock
    (clone.root / "mixed/u/1").unlink()
    (clone.root / "mixed/t/1").unlink()
    assert clone.outcomes() == {"one": "ran"}
    assert clone.read("b").split() == ["plain", "t2", "u2", "v1", "v2"]


def test_in_place_a_part_is_not_taken_for_all(clone: Work) -> None:
    clone.pipeline(STAGES.replace("  all:", "  link: {cmd: cat data/x > to/f, deps: [data], outs: [to/f]}\n  all:"))  # fmt: skip
    (clone.root / "real").mkdir()
    (clone.root / "to").symlink_to("real")
    lock = clone.read("dvc.lock")
    said = "needs data, which is not all here: 4 of its files were never checked out, first data/other/o"
    for words in (("--in-place", "-s", "all"), ("-s", "link")):
        assert said in clone.vfs("repro", "-f", *words, code=16)
    assert "needs d, which is" in clone.vfs("repro", "-f", "-s", "--in-place", "after", code=16)
    said = clone.vfs("repro", "-f", "--in-place", "all", code=16)
    assert "hint: vfs pull data brings the rest" in said
    assert clone.outcomes("-f", "--in-place", "made") == {"made": "ran"}, "data/x is all it needs"
    assert clone.read("dvc.lock") == lock
    (clone.root / "data/x").unlink()
    assert clone.outcomes("--in-place", "--pull", "all") == {"all": "ran"}
    shown = {path: path for path in FILES if path != "x"}
    assert clone.read("all").splitlines() == seen(**shown)
    assert "x" not in os.listdir(clone.root / "data")


def test_in_place_the_rest_is_brought_if_that_is_wished(clone: Work) -> None:
    pointer = clone.read("data.dvc")
    clone.write("data/x", "changed\n")
    assert clone.outcomes("-f", "--in-place", "made") == {"made": "ran"}
    assert clone.read("data.dvc") != pointer
    assert "nfiles: 6" in clone.read("data.dvc"), "what never was here stays listed"
    assert clone.outcomes("-f", "--in-place", "--pull", "-s", "all") == {"all": "ran"}
    assert clone.read("all").splitlines() == seen(**{**ALL, "x": "changed"})


def test_where_no_view_can_be_made_a_part_is_not_taken_for_all(clone: Work) -> None:
    lock = clone.read("dvc.lock")
    done = forbidden(clone, "repro", "-f", "-s", "all")
    assert done.returncode == 20, done.stderr
    assert clone.read("dvc.lock") == lock


def test_an_out_that_goes_on_gets_what_never_was_here(work: Work) -> None:
    published(
        work,
        "  one: {cmd: 'mkdir -p p; touch p/1 p/2 p/3; cat a >> p/1; ls p > n', deps: [a], outs: [p: {persist: true}, n]}\n",
    )
    clone = clone_of(work, "clone")
    clone.vfs("pull", "p/1", "p/2")
    (clone.root / "p/2").unlink()
    clone.pipeline(
        clone.read("dvc.yaml").removeprefix("stages:\n").replace("touch p/1 p/2 p/3; ", "")
    )
    assert "needs p, which is not all here" in clone.vfs("repro", "--in-place", code=16)
    other = clone_of(work, "other")
    other.vfs("pull", "p/1")
    assert other.outcomes("-f", "--in-place", "--pull") == {"one": "ran"}
    assert other.read("n").split() == ["1", "2", "3"]
    assert other.read("p/1") == "a\na\n"
    assert clone.outcomes() == {"one": "ran"}
    assert clone.read("n").split() == ["1", "3"]
    assert sorted(os.listdir(clone.root / "p")) == ["1", "3"]
    assert clone.read("p/1") == "a\na\n"


def test_a_parameter_file_in_a_part(work: Work) -> None:
    work.write("found/p.json", '{"x": 3}\n')
    work.write("found/q.json", "{}\n")
    work.vfs("add", "found")
    published(work, "  one: {cmd: cat found/p.json > b, params: [found/p.json: [x]], outs: [b]}\n")
    clone = clone_of(work, "clone")
    clone.vfs("pull", "found/q.json")
    assert clone.outcomes("-f") == {"one": "ran"}
    assert clone.read("b") == '{"x": 3}\n'
    clone.vfs("pull", "found")
    (clone.root / "found/p.json").unlink()
    assert "param found/p.json deleted" in clone.vfs("status")


def test_no_list_is_read_of_what_is_whole(fresh: Work) -> None:
    """And a part whose list no place has is no dep."""
    clone = fresh
    clone.vfs("pull", "data", "d/x")
    for path in (clone.root / ".dvc/cache").rglob("*.dir"):
        path.unlink()
    (clone.root / ".dvc/nothing").mkdir()
    clone.vfs("remote", "add", "-f", "store", str(clone.root / ".dvc/nothing"))
    for stage in ("all", "part"):
        assert clone.outcomes("-f", "-s", stage) == {stage: "ran"}
    (clone.root / "d/x").write_text("x\n")
    clone.pipeline("  file: {cmd: 'cat d/* > f', deps: [d/x], outs: [f]}\n" + STAGES)
    assert clone.outcomes("-f", "-s", "file") == {"file": "ran"}
    assert clone.read("f") == "x\n"  # what of d is not here nobody needs
    assert ".dir was not found" in clone.vfs("repro", "-f", "-s", "after", code=16)


def test_a_stage_works_in_a_directory_that_is_not_here(fresh: Work) -> None:
    clone = fresh
    for part in ("", "data/sub/one", "data"):
        if part:
            clone.vfs("pull", part)
        clone.pipeline("  one:\n    cmd: cat z ../one > ../../../b\n    wdir: data/sub/deep\n    deps: [z, ../one]\n    outs: [../../../b]\n")  # fmt: skip
        assert clone.outcomes("-f", "--no-run-cache") == {"one": "ran"}
        assert clone.read("b") == "sub/deep/z\nsub/one\n"
        assert (clone.root / "data/sub/deep").exists() is (part == "data")
    shutil.rmtree(clone.root / "data/sub")
    assert "works in data/sub/deep, which is no directory" in clone.vfs("repro", "-f", code=16)


def test_a_frozen_stage_keeps_what_never_was_here(clone: Work) -> None:
    clone.vfs("freeze", "made")
    lock = clone.read("dvc.lock")
    clone.write("dvc.yaml", clone.read("dvc.yaml").replace("mkdir d;", "mkdir -p d;"))
    for options in ((), ("--in-place",)):
        assert clone.outcomes("-f", "-s", *options, "made") == {"made": "verified"}
        assert clone.read("dvc.lock") == lock.replace("mkdir d;", "mkdir -p d;")
    clone.write("d/x", "changed\n")
    assert clone.outcomes("-s", "made") == {"made": "verified"}
    assert clone.outcomes("after") == {"made": "unchanged", "after": "ran"}
    assert clone.read("after") == "changed\ntwo\n"


def test_commit_of_a_stage_drops_nothing_that_never_was_here(clone: Work) -> None:
    clone.write("d/x", "changed\n")
    lock = clone.read("dvc.lock")
    said = clone.vfs("commit", "made", code=16)
    assert "d is not all here: 1 of its files were never checked out, first d/y" in said
    assert clone.read("dvc.lock") == lock
    clone.vfs("commit", "--force", "made")
    assert clone.outcomes("after") == {"made": "unchanged", "after": "ran"}
    assert clone.read("after") == "changed\n"


def test_values_of_what_is_here_in_part(work: Work) -> None:
    """A directory of metrics or plots stands for what a command finds in it: all but what was deleted."""
    for name in ("a", "b", "c"):
        work.write(f"src/{name}.json", f'{{"v": "{name}"}}')
        work.write(f"src/p/{name}.csv", f"x,y\n1,{ord(name)}\n")
    command = "mkdir values p; cp src/*.json values; cp src/p/* p"
    published(work, f"  make: {{cmd: '{command}', deps: [src], metrics: [values], plots: [p]}}\n")
    clone = clone_of(work, "clone")
    every = clone.vfs("metrics", "show", "HEAD").splitlines()[1:]
    clone.vfs("pull", "values/a.json", "values/b.json", "p/a.csv")
    assert clone.vfs("metrics", "show").splitlines()[1:] == every
    assert "nothing differs" in clone.vfs("metrics", "diff")
    assert len(clone.vfs("metrics", "show", "--targets", "values").splitlines()) == 4
    drawn = clone.documents("plots", "show")[0]
    assert {"p/a.csv", "p/b.csv", "p/c.csv"} <= set(drawn) | set(drawn.get("data", {}))
    clone.write("values/a.json", '{"v": "mine"}')
    (clone.root / "values/b.json").unlink()
    assert [line.split()[0::2] for line in clone.vfs("metrics", "show").splitlines()[1:]] == [
        ["values/a.json", "mine"],
        ["values/c.json", "c"],
    ]
    clone.vfs("remote", "remove", "store")
    shutil.rmtree(clone.root / ".dvc/cache")
    said = clone.vfs("metrics", "show", code=1)
    assert "warning: worktree: values: the file list" in said


@pytest.mark.parametrize("in_place", [False, True])
def test_what_a_run_took_away_nobody_deleted(work: Work) -> None:
    """Where the lock of an earlier run comes back, what a later one did not make was never here."""
    work.write("src/x", "x\n")
    work.write("src/y", "y\n")
    published(work, "  made: {cmd: 'mkdir d; cp src/* d', deps: [src], outs: [d]}\n")
    (work.root / "src/y").unlink()
    assert work.outcomes() == {"made": "ran"}
    lock = work.read("dvc.lock")
    work.git("checkout", "-q", "dvc.lock")
    assert {one["not_here"] for one in work.documents("status", "d") if "not_here" in one} == {1}
    work.write("src/y", "y\n")
    if not work.in_place:
        assert work.outcomes("--dry-run") == {"made": "unchanged"}
    assert work.outcomes("-f") == {"made": "ran"}
    (work.root / "src/y").unlink()
    assert work.outcomes() == {"made": "restored"}
    assert work.read("dvc.lock") == lock
    work.git("checkout", "-q", "dvc.lock")
    assert {one["not_here"] for one in work.documents("status", "d") if "not_here" in one} == {1}


@pytest.mark.parametrize("in_place", [False, True])
def test_a_part_in_the_form_of_dvc_2_is_not_moved_aside(work: Work, dvc2: Path) -> None:
    """The cache has it; but the old form does not tell line ends apart, and bytes that nobody else has are the user's."""

    def dvc(*args: str) -> None:
        work.sandbox.run([dvc2, *args], cwd=work.root)

    (work.sandbox.root / "remote").mkdir()
    dvc("remote", "add", "-d", "store", str(work.sandbox.root / "remote"))
    work.pipeline(
        "  made: {cmd: 'mkdir d; cat a > d/x; cat a > d/y; echo z > d/z', deps: [a], outs: [d]}\n"
    )
    dvc("repro", "-q")
    dvc("push", "-q")
    assert "hash:" not in work.read("dvc.lock")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "published")
    clone = clone_of(work, "clone")
    clone.in_place = work.in_place
    clone.vfs("pull", "d/x", "d/z")
    assert clone.outcomes("-f", "--no-run-cache") == {"made": "ran"}
    assert not list((clone.root / ".dvc/tmp").glob("vfs-kept-*"))
    clone.git("checkout", "-q", "dvc.lock")
    shutil.rmtree(clone.root / "d")
    shutil.rmtree(clone.root / ".dvc/cache")
    clone.vfs("pull", "d/x", "d/z")
    clone.write("d/z", "z\r\n")
    assert clone.outcomes("-f", "--no-run-cache") == {"made": "ran"}
    (kept,) = (clone.root / ".dvc/tmp").glob("vfs-kept-*/d/z")
    assert kept.read_bytes() == b"z\r\n"


def test_what_a_dvcignore_hides_is_no_part(clone: Work, dvc3: Path) -> None:
    """As with dvc: what is listed and hidden leaves the list, here or not."""
    clone.write(".dvcignore", "data/other\ndata/y\n")
    assert "modified" in clone.vfs("status", "data")
    assert "dep data modified" in clone.vfs("status")
    assert clone.outcomes("all") == {"all": "ran"}
    pointer = clone.read("data.dvc")
    clone.git("checkout", "-q", "data.dvc")
    clone.sandbox.run([dvc3, "pull", "-q", "data"], cwd=clone.root, check=False)
    clone.sandbox.run([dvc3, "commit", "-q", "-f", "data.dvc"], cwd=clone.root)
    assert [line for line in clone.read("data.dvc").splitlines() if ".dir" in line] == (
        [line for line in pointer.splitlines() if ".dir" in line]
    )
