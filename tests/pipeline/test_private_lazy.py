"""Runs in private views of what is not here: what is fetched, what counts as if it lay there, and what is refused."""

import hashlib
import os

from tests.pipeline.clones import clone_of, nothing_is_left, published
from tests.pipeline.conftest import Work

OLD = "  one: {cmd: cat a > b, deps: [a], outs: [b]}\n"
LAZY = """\
  one: {cmd: cat data/small > b, deps: [data/small], outs: [b]}
  two: {cmd: 'cat b params.yaml > c', deps: [b], params: [lr], outs: [c]}
  whole: {cmd: 'ls data mixed mixed/t > w', deps: [data, mixed], outs: [w]}
"""


def test_a_fresh_clone_runs_what_changed_and_fetches_what_is_read(work: Work) -> None:
    (work.root / "data").mkdir()
    (work.root / "data/big").write_bytes(os.urandom(24 << 20))
    work.write("data/small", "small\n")
    work.write("mixed/t/x", "x\n")
    work.write("mixed/plain", "plain\n")
    work.vfs("add", "data", "mixed/t")
    published(work, LAZY)
    clone = clone_of(work, "clone")
    said = clone.vfs("status")
    assert "nothing of them is here" in said
    assert said.count("cannot be judged: it depends on a part of what is not here") == 2
    assert "changed stage  two\n" not in said
    assert set(clone.outcomes().values()) == {"unchanged"}
    assert "3 stages: nothing to run\n" in clone.vfs("status")
    clone.vfs("status", "-q")
    clone.write("params.yaml", "lr: 2\n")
    assert "changed stage  two\n    param params.yaml: lr modified\n" in clone.vfs("status")
    expected = {"one": "unchanged", "two": "ran", "whole": "unchanged"}
    assert clone.outcomes() == expected
    assert clone.read("c") == "small\nlr: 2\n"
    clone.pipeline(
        LAZY.replace("cat data/small", "tac data/small").replace("ls data", "ls -a data")
    )
    expected = {"one": "ran", "two": "unchanged", "whole": "ran"}
    assert clone.outcomes() == expected
    assert clone.read("w").split() == [
        *("data:", ".", "..", "big", "small", "mixed:", ".", "..", ".gitignore", "plain", "t", "t.dvc"),
        *("mixed/t:", ".", "..", "x"),
    ]  # fmt: skip
    assert sorted(os.listdir(clone.root)) == [
        *(".dvc", ".dvcignore", ".git", ".gitignore", "a", "b", "c", "data.dvc", "dvc.lock", "dvc.yaml", "mixed"),
        *("params.yaml", "w"),
    ]  # fmt: skip
    fetched = sum(p.stat().st_blocks * 512 for p in (clone.sandbox.root / "cache").rglob("*") if p.is_file())  # fmt: skip
    assert fetched < 12 << 20
    nothing_is_left(work)
    lock = clone.read("dvc.lock")
    clone.vfs("pull")
    assert "nothing to run" in clone.vfs("status")
    assert set(clone.outcomes("--in-place", "-f", "--no-run-cache").values()) == {"ran"}
    assert clone.read("dvc.lock") == lock


def test_parameters_that_a_stage_made_need_not_be_here(work: Work) -> None:
    work.write("found/deep.json", '{"x": 3}\n')
    work.vfs("add", "found")
    published(
        work,
        "  tune: {cmd: 'echo \"best: {lr: $(wc -l < a)}\" > best.yaml', deps: [a], outs: [best.yaml]}\n"
        "  train: {cmd: 'cat best.yaml found/deep.json > b', params: [best.yaml: [best.lr], found/deep.json: null], outs: [b]}\n",
    )
    clone = clone_of(work, "clone")
    assert "cannot be judged: it depends on a part of what is not here" in clone.vfs("status")
    assert set(clone.outcomes().values()) == {"unchanged"}
    clone.vfs("status", "-q")
    clone.pipeline(clone.read("dvc.yaml").removeprefix("stages:\n").replace("cat best", "tac best"))
    assert clone.outcomes("--no-checkout") == {"tune": "unchanged", "train": "ran"}
    assert not (clone.root / "best.yaml").exists()
    assert set(clone.outcomes("--rev", "HEAD", "-f").values()) == {"ran"}
    clone.vfs("checkout", "b")
    assert clone.read("b") == 'best: {lr: 1}\n{"x": 3}\n'


def test_a_packed_remote_is_asked_too(work: Work) -> None:
    work.vfs("remote", "add", "--packed", "-d", "team", str(work.sandbox.root / "team"))
    work.pipeline("  one: {cmd: cat a > b, deps: [a], outs: [b]}\n")
    work.vfs("repro")
    work.vfs("push")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "published")
    assert clone_of(work, "clone").outcomes() == {"one": "unchanged"}


def test_what_could_not_be_read_is_no_input(work: Work) -> None:
    """A command that does not mind errors ends well without the bytes of its dep."""
    work.write("data/x", "x\n")
    work.vfs("add", "data")
    published(work, "  one: {cmd: 'cat data/x > b || true', deps: [data], outs: [b]}\n")
    clone = clone_of(work, "clone")
    lock = clone.read("dvc.lock")
    name = hashlib.md5(b"x\n").hexdigest()
    (work.sandbox.root / "remote/files/md5" / name[:2] / name[2:]).unlink()
    said = clone.vfs("repro", "-f", code=23)
    assert (
        "stage 'one' wanted to read 'data/x', which nobody could give it; nothing was recorded"
        in said
    )
    assert clone.read("dvc.lock") == lock
    nothing_is_left(work)


def test_what_was_deleted_stays_deleted(work: Work) -> None:
    work.write("data/x", "x\n")
    work.write("data/y", "y\n")
    work.write("far/z", "z\n")
    work.vfs("add", "data", "far")
    work.write("kept/one", "1\n")
    work.write("kept/two", "2\n")
    published(work, "  one: {cmd: 'ls data far kept > b', deps: [data], outs: [b]}\n")
    clone = clone_of(work, "clone")
    clone.vfs("pull", "data")
    (clone.root / "data/x").unlink()
    (clone.root / "kept/one").unlink()
    assert clone.outcomes() == {"one": "ran"}
    assert clone.read("b").split() == ["data:", "y", "far:", "z", "kept:", "two"]


def test_what_no_remote_has_is_made_again(work: Work) -> None:
    published(work, OLD)
    for path in (work.sandbox.root / "remote").rglob("*"):
        if path.is_file():
            path.unlink()
    clone = clone_of(work, "clone")
    assert clone.outcomes() == {"one": "ran"}
    assert clone.read("b") == "a\n"


def test_each_remote_answers_for_its_own_outs(work: Work) -> None:
    """One is not configured, one wrongly, one is empty, one is not there, and one has what it should have."""
    places = {name: work.sandbox.root / name for name in ("has", "empty", "gone", "odd")}
    outs = {"plain": "ob", **{name: f"{name}: {{remote: {name}}}" for name in places}}
    for name, place in places.items():
        work.vfs("remote", "add", name, str(place))
        place.mkdir()
    work.pipeline(
        "".join(f"  {n}: {{cmd: echo {n} > {out.partition(':')[0]}, outs: [{out}]}}\n" for n, out in outs.items())
    )  # fmt: skip
    work.vfs("repro")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "x")
    work.vfs("push", "has")
    places["gone"].rmdir()
    clone = clone_of(work, "clone")
    clone.vfs("remote", "add", "-f", "odd", "ssh://host:99999/x")
    assert clone.outcomes("--dry-run") == {
        "plain": "would-run", "has": "unchanged", "empty": "would-run", "gone": "unchanged", "odd": "would-run",
    }  # fmt: skip


def test_a_dry_run_does_not_need_what_it_would_make(work: Work) -> None:
    published(
        work,
        "  one: {cmd: mkdir d; echo 1 > d/x, outs: [d]}\n"
        "  two: {cmd: wc -c d/x > b, deps: [d/x], outs: [b]}\n",
    )
    for path in (work.sandbox.root / "remote").rglob("*"):
        if path.is_file():
            path.unlink()
    clone = clone_of(work, "clone")
    assert clone.outcomes("--dry-run") == {"one": "would-run", "two": "may-run"}
    assert clone.outcomes() == {"one": "ran", "two": "ran"}


def test_an_out_that_cannot_be_looked_at_is_made(work: Work) -> None:
    """Nothing says what it holds, so that a mount cannot serve it; there is a mount, since data is not here."""
    work.write("data", "data\n")
    work.vfs("add", "data")
    (work.root / "data").unlink()
    work.write("one.dvc", "cmd: cat data > one\ndeps:\n- path: data\nouts:\n- path: one\n")
    work.vfs("repro", "one.dvc")
    assert work.read("one") == "data\n"


def test_in_place_judges_as_dvc(work: Work) -> None:
    published(work, OLD)
    clone = clone_of(work, "clone")
    found = clone.documents("repro", "--in-place", "--dry-run")
    assert [(one["outcome"], one["reasons"]) for one in found if one["type"] == "stage"] == [
        ("would-run", [{"kind": "out", "path": "b", "change": "not in cache"}])
    ]


def test_a_directory_that_never_was_here_is_no_out_of_a_run_in_place(work: Work) -> None:
    published(
        work,
        "  one: {cmd: mkdir d; cp a d/x, deps: [a], outs: [d]}\n  two: {cmd: cat d/x > b, deps: [d], outs: [b]}\n",
    )
    assert clone_of(work, "pulls").outcomes("--pull") == {"one": "pulled", "two": "pulled"}
    clone = clone_of(work, "clone")
    assert clone.outcomes("--in-place") == {"one": "ran", "two": "restored"}
    assert clone.read("d/x") == clone.read("b") == "a\n"
