"""What the user is told: before anything runs, of a failure, by a dry run."""

import json

import pytest

from tests.pipeline.conftest import VFS, Work


def test_a_dep_that_nothing_makes_is_refused_before_anything_runs(work: Work) -> None:
    work.pipeline(
        "  one: {cmd: 'touch ran; cp a b', deps: [a], outs: [b]}\n"
        "  two: {cmd: cp gone c, deps: [b, gone], outs: [c]}\n"
    )
    said = work.vfs("repro", code=16)
    assert (
        "dvc.yaml:3: stage 'two': needs gone, which is not there and which no stage makes" in said
    )
    assert not (work.root / "ran").exists()
    assert work.outcomes("-k", code=23) == {"one": "ran", "two": "failed"}
    work.write("gone", "here\n")
    work.pipeline(work.read("dvc.yaml").removeprefix("stages:\n") + "  three: {cmd: cp d/x e, deps: [d/x], outs: [e]}\n  four: {cmd: mkdir d; cp a d/x, outs: [d]}\n")  # fmt: skip
    assert work.outcomes() == {"one": "unchanged", "two": "ran", "four": "ran", "three": "ran"}
    work.pipeline("  one: {cmd: touch z, params: [none.yaml: [k]], outs: [z]}\n")
    assert "dvc.yaml:2: stage 'one': needs none.yaml" in work.vfs("repro", code=16)


def test_a_stage_without_a_directory_is_refused_before_anything_runs(work: Work) -> None:
    first = "  one: {cmd: 'touch ran; cp a b', deps: [a], outs: [b]}\n"
    two = "  two: {cmd: cp ../a c, wdir: w, deps: [../a], outs: [c]}\n"
    work.pipeline(first + two)
    said = work.vfs("repro", "--in-place", code=16)
    assert "dvc.yaml:3: stage 'two': works in w, which is no directory" in said
    assert not (work.root / "ran").exists()
    assert work.outcomes("--in-place", "-k", code=23) == {"one": "ran", "two": "failed"}
    work.pipeline("  one: {cmd: mkdir w; cp a w/x, deps: [a], outs: [w/x]}\n" + two)
    assert work.outcomes("--in-place") == {"one": "ran", "two": "ran"}


def test_a_failure_is_a_document_too(work: Work) -> None:
    work.pipeline("  one: {cmd: cp a b, deps: [a], outs: [b]}\n  two: {cmd: exit 3, deps: [b], outs: [c]}\n")  # fmt: skip
    first, second = (one for one in work.documents("repro", code=23) if one["type"] == "stage")
    assert first["outcome"] == "ran"
    assert (second["stage"], second["outcome"]) == ("two", "failed")
    assert second["error"] == "stage 'two': its command ended with 3"
    said = work.vfs("run", "--json", "-n", "x", "-o", "o", "exit 4", code=23)
    assert json.loads(said.splitlines()[0])["error"] == "stage 'x': its command ended with 4"


def test_a_dry_run_tells_what_follows(work: Work) -> None:
    work.pipeline(
        "  train: {cmd: cp a b, deps: [a], outs: [b]}\n"
        "  score: {cmd: cp b c, deps: [b], outs: [c]}\n"
        "  draw: {cmd: cp c d, deps: [c], outs: [d]}\n"
        "  apart: {cmd: touch e, outs: [e]}\n"
    )
    work.vfs("repro")
    work.write("a", "other\n")
    said = work.vfs("repro", "--dry-run")
    assert "Stage 'score' depends on 'train', which would run.\n" in said
    assert "Stage 'draw' depends on 'score', which may run then.\n" in said
    assert "Stage 'apart' did not change.\n" in said
    found = {one["stage"]: one for one in work.documents("repro", "--dry-run")}
    assert {name: one["outcome"] for name, one in found.items()} == {
        "train": "would-run", "score": "may-run", "draw": "may-run", "apart": "unchanged",
    }  # fmt: skip
    assert found["score"]["depends_on"] == ["train"]
    assert work.outcomes("--dry-run", "-s", "score") == {"score": "unchanged"}


def test_a_broken_pipeline_is_named_by_every_verb(work: Work) -> None:
    work.vfs("run", "-n", "fit", "-d", "a", "-o", "b", "cp a b")
    good = work.read("dvc.yaml")
    work.write("dvc.yaml", good + "  more: [\n")
    (work.root / "sub").mkdir()
    work.write("sub/dvc.yaml", "stages:\n  other: {cmd: x}\n")
    lines = good.count("\n") + 1
    where = f"dvc.yaml:{lines + 1}: is no valid YAML"
    for words in (["stage", "list"], ["freeze", "fit"], ["stage", "show", "dvc.yaml:fit"], ["commit", "fit"]):  # fmt: skip
        assert f"error: {where}" in work.vfs(*words, code=9)
    said = work.vfs("freeze", "sub/dvc.yaml:fit", code=5)
    assert "no stage and no out called 'sub/dvc.yaml:fit'" in said
    assert where in work.vfs("stage", "list", "--all", code=1)
    said = work.vfs("status", code=9)
    assert f"warning: {where}" in said
    assert "dvc.lock" not in said
    assert where in work.vfs("status", "fit", code=9)
    work.vfs("status", "-q", code=1)
    work.write("dvc.yaml", good)
    work.write("dvc.lock", "schema: [\n")
    assert "error: dvc.lock:2: " in work.vfs("stage", "list", code=9)
    assert "warning: dvc.lock:2: " in work.vfs("status", code=9)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("a.dvc", "cmd: a: b\nouts: [path: x]\n", "a.dvc:1: is no valid YAML"),
        ("a.dvc", "cmd: touch x\nfoo: 1\n", "a.dvc: unknown key 'foo'"),
        ("sub/Dvcfile", "cmd: touch x\nfoo: 1\n", "sub/Dvcfile: unknown key 'foo'"),
        ("sub/x.dvc", "outs:\n- path: x\n  dsec: birds\n", "sub/x.dvc: outs[0]: unknown key"),
        ("x.dvc", "<<<<<<< HEAD\nouts: []\n=======\nouts: []\n>>>>>>> y\n", "unresolved Git merge"),
        ("x.dvc", "outs:\n- path: /elsewhere/x\n  dsec: birds\n", "x.dvc: outs[0]: unknown key"),
    ],
)  # fmt: skip
def test_a_pointer_that_cannot_be_read_is_refused(
    work: Work, file: str, text: str, told: str
) -> None:
    work.write("same", "same\n")
    work.vfs("add", "same")
    work.pipeline("  one: {cmd: 'touch ran; cp a b', deps: [a], outs: [b]}\n")
    work.write(file, text)
    for words in (["repro"], ["repro", "one"], ["repro", "-k"], ["run", "-n", "n", "touch ran"]):
        assert told in work.vfs(*words, code=9)
    if "cmd" in text:
        assert told in work.vfs("repro", file, code=9)
    assert not (work.root / "ran").exists()
    said = work.vfs("status", code=9)
    assert said.count(told) == 1
    assert "all as the pointers say" not in said
    work.vfs("status", "-q", code=1)
    (work.root / "dvc.yaml").unlink()
    assert told in work.vfs("status", code=9)
    with (work.root / ".gitignore").open("a") as ignored:
        ignored.write(f"/{file}\n")
    assert "1 tracked path: all as the pointers say" in work.vfs("status")


def test_an_out_elsewhere_is_no_reason_to_refuse_a_pipeline(work: Work) -> None:
    """DVC reads such a pointer; vfs does not serve it, and says so."""
    work.pipeline("  one: {cmd: cp a b, deps: [a], outs: [b]}\n")
    work.write("x.dvc", "outs:\n- path: s3://bucket/x\n")
    assert work.outcomes() == {"one": "ran"}
    assert "outside the repository" in work.vfs("status")


def test_an_out_that_was_never_made_is_told_once(work: Work) -> None:
    work.pipeline("  one: {cmd: 'cp ../a \"o t\"', wdir: sub, deps: [../a], outs: [o t]}\n")
    (work.root / "sub").mkdir()
    assert work.vfs("status") == "changed stage  one\n    dep a new\n    out sub/o t deleted\n"
    said = work.vfs("status", cwd="sub")
    assert said == "changed stage  ../dvc.yaml:one\n    dep ../a new\n    out o t deleted\n"
    assert work.documents("status")[-1]["outs"] == 0
    said = work.vfs("repro", "../dvc.yaml:one", cwd="sub")
    assert "Running stage '../dvc.yaml:one': dep ../a new, out o t deleted\n" in said
    (work.root / "sub" / "o t").unlink()
    assert "deleted        sub/o t\n" in work.vfs("status")


def test_nothing_is_left_and_nothing_is_announced_that_is_not_there(work: Work) -> None:
    work.pipeline("  one: {cmd: cp a b, deps: [a], outs: [b]}\n  two: {cmd: 'echo said; cp a c', deps: [a], outs: [c]}\n")  # fmt: skip
    said = work.vfs("repro", "-j", "2")
    assert "Output of stage 'two':\nsaid\n" in said
    assert "Output of stage 'one'" not in said
    assert list((work.root / ".dvc" / "tmp").glob("vfs-run-*")) == []
    assert work.vfs("freeze", "one").startswith("one is frozen.\n\nTo track")
    assert work.vfs("freeze", "one") == "one is frozen.\n"
    assert work.vfs("unfreeze", "one").startswith("one follows what it depends on.\n")


def test_checkout_does_not_pass_a_broken_file_over(work: Work) -> None:
    work.write("data", "data\n")
    work.vfs("add", "data")
    (work.root / "data").unlink()
    work.write("dvc.yaml", "stages:\n\ts:\n")
    assert "dvc.yaml:2: is no valid YAML" in work.vfs("checkout", code=9)
    assert work.read("data") == "data\n"
    work.pipeline("  one: {cmd: cp a b, deps: [a], outs: [b]}\n")
    work.write("dvc.lock", "schema: '2.0'\nstages:\n  one:\n    cmd: cp a b\n    outs: {}\n")
    told = "dvc.lock:3: stages.one.outs: expected a list"
    assert told in work.vfs("checkout", code=9)
    assert work.vfs("status", code=9).count("expected a list") == 1
    assert told in work.vfs("repro", code=9)


def test_conflict_marks_are_named(work: Work) -> None:
    work.pipeline("<<<<<<< HEAD\n  s: {cmd: a}\n=======\n  s: {cmd: b}\n>>>>>>> x\n")
    for verb in (["stage", "add", "-n", "x", "echo"], ["metrics", "show"]):
        said = work.vfs(*verb, code=9 if verb[0] == "stage" else 1)
        assert "dvc.yaml:3: is no valid YAML" in said
        assert "the marks of an unresolved Git merge" in said


def test_a_run_that_is_refused_declares_nothing(work: Work) -> None:
    ignored = (work.root / ".gitignore").exists()
    work.vfs("run", "-n", "x", "-d", "nothere", "-o", "out", "echo", code=16)
    work.vfs("run", "-n", "x", "-w", "nowhere", "-o", "out", "echo", code=16)
    work.vfs("run", "-n", "x", "-p", "no", "-o", "out", "echo", code=9)
    assert not (work.root / "dvc.yaml").exists()
    assert (work.root / ".gitignore").exists() == ignored
    work.vfs("run", "-n", "x", "-p", "lr", "-o", "out", "echo > out")
    assert work.outcomes() == {"x": "unchanged"}


def test_of_several_lines_each_is_told_before_it_runs(work: Work) -> None:
    work.pipeline("  one: {cmd: [echo 1, \"test '$x' = 2\", echo never]}\n")
    for option in ([], ["--in-place"], ["-j", "2"]):
        said = work.vfs("repro", *option, code=23)
        assert "> echo 1\n1\n> test '$x' = 2\n" in said
        assert "never" not in said


def test_looking_needs_no_disk_that_can_be_written(work: Work) -> None:
    work.pipeline("  one: {cmd: cp a b, deps: [a], outs: [b]}\n")
    work.vfs("repro")
    work.write("a", "other\n")
    looks = ("stage list", "stage show one", "repro --dry-run", "status")
    script = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && " + " && ".join(f"{VFS} {one}" for one in looks)  # fmt: skip
    said = work.sandbox.run(["unshare", "-Urm", "sh", "-c", script], cwd=work.root).stdout.decode()
    assert "'one' would run: dep a modified" in said


def test_a_file_that_git_is_to_take_is_named_once(work: Work) -> None:
    said = work.vfs("stage", "add", "-n", "x", "-o", "one", "-o", "two", "echo")
    assert said.endswith("    git add dvc.yaml .gitignore\n")
