"""Declaring, freezing, removing stages; their runs; runs between clones."""

import json
import shlex
from pathlib import Path

import pytest

from tests.pipeline.conftest import Work


@pytest.fixture
def ran(work: Work) -> Work:
    """A repository with a remote, of which two stages ran and were pushed with Git."""
    (work.sandbox.root / "remote").mkdir()
    work.vfs("remote", "add", "-d", "store", str(work.sandbox.root / "remote"))
    work.vfs("run", "-n", "one", "-d", "a", "-o", "b", "cat a > b; echo ran >> .dvc/tmp/log")
    work.vfs("run", "-n", "two", "-d", "b", "-p", "lr", "-o", "c", "-M", "m.json", "cat b > c; echo {} > m.json")  # fmt: skip
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "pipeline")
    return work


def clone(work: Work, name: str) -> Work:
    root = work.sandbox.root / name
    work.sandbox.git(work.sandbox.root, "clone", "-q", str(work.root), str(root))
    return Work(work.sandbox, root)


def test_run_is_stage_add_and_run(work: Work) -> None:
    work.write("dvc.yaml", "# mine\nstages:\n  old: {cmd: x, outs: [old]}  # stays\n")
    assert "git add dvc.yaml .gitignore dvc.lock" in work.vfs(
        "run", "-n", "one", "-d", "a", "-o", "b", "--desc", "copies", "sh", "-c", "cp a b"
    )
    text = work.read("dvc.yaml")
    assert text.startswith("# mine\nstages:\n  old: {cmd: x, outs: [old]}  # stays\n  one:\n")
    assert 'cmd: sh -c "cp a b"' in text
    assert work.read("b") == "a\n"
    assert "has a stage 'one' already" in work.vfs("run", "-n", "one", "-o", "b", "x", code=9)
    work.vfs("run", "-n", "one", "-f", "-d", "a", "-o", "b", "cp a b && :")
    work.vfs("run", "-n", "three", "--no-exec", "-d", "b", "-o", "z", "cp b z")
    assert not (work.root / "z").exists()
    assert "cannot be the name" in work.vfs("run", "-n", "a/b", "x", code=2)
    assert "a stage needs a name" in work.vfs("run", "x", code=2)
    assert "one" in work.vfs("stage")
    assert "dvc.yaml:" in work.vfs("stage", "show", "one")


def test_a_stage_below_and_its_wdir(work: Work) -> None:
    (work.root / "sub" / "in").mkdir(parents=True)
    work.vfs("run", "-n", "x", "-w", "in", "-d", "../../a", "-o", "o", "cp ../../a o", cwd="sub")
    assert work.read("sub/in/o") == "a\n"
    assert "wdir: in" in work.read("sub/dvc.yaml")
    assert work.outcomes("sub/dvc.yaml:x") == {"sub/dvc.yaml:x": "unchanged"}
    found = work.documents("stage", "list", "--all")
    assert found[0]["wdir"] == "sub/in"


def test_freeze(ran: Work) -> None:
    ran.vfs("freeze", "two")
    assert "frozen: true" in ran.read("dvc.yaml")
    ran.write("a", "other\n")
    assert ran.outcomes("two") == {"two": "unchanged"}
    assert ran.outcomes() == {"one": "ran", "two": "unchanged"}
    ran.vfs("unfreeze", "two")
    assert ran.outcomes() == {"one": "unchanged", "two": "ran"}


def test_remove(ran: Work) -> None:
    ran.vfs("stage", "remove", "two", "--with-outs")
    assert "two" not in ran.read("dvc.yaml") + ran.read("dvc.lock")
    assert not (ran.root / "c").exists()
    assert "/c" not in ran.read(".gitignore").splitlines()
    assert ran.outcomes() == {"one": "unchanged"}


def test_commit_of_a_stage_records_what_lies_there(ran: Work) -> None:
    ran.write("c", "by hand\n")
    ran.write("params.yaml", "lr: 2\n")
    assert "git add dvc.lock" in ran.vfs("commit", "two")
    assert "2 stages: nothing to run" in ran.vfs("status")
    assert ran.vfs("commit", "two") == "Nothing changed.\n"
    assert ran.read(".dvc/tmp/log") == "ran\n"


def test_log(ran: Work) -> None:
    ran.vfs("run", "-n", "loud", "-o", "l", "echo said; echo x > l")
    assert ran.vfs("log", "loud", "--output") == "said\n"
    runs = ran.documents("log", "two")
    assert [run["outcome"] for run in runs] == ["ran"]
    assert runs[0]["params"] == {"params.yaml": {"lr": 1}}
    assert "was never run here" in clone(ran, "fresh").vfs("log", "one", code=5)


def test_log_of_a_stage_and_a_path_of_one_name(work: Work) -> None:
    work.vfs("run", "-n", "f", "-d", "a", "-o", "f", "echo said; cp a f")
    assert work.vfs("log", "f", "--output") == "said\n"
    assert [run["outcome"] for run in work.documents("log", "f")] == ["ran"]
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "pipeline")
    assert [one["type"] for one in work.documents("log", "f")] == ["commit"]
    assert [run["outcome"] for run in work.documents("log", "dvc.yaml:f")] == ["ran"]
    assert work.vfs("log", "f", "--output") == "said\n"
    work.write("a dir/dvc.yaml", "stages:\n  f: {cmd: echo no; exit 1, outs: [f]}\n")
    work.write("a dir/f", "")
    work.write("a dir/x.dvc", "cmd: echo none; exit 2\nouts:\n- path: x\n")
    for cwd, target in (
        ("a dir", "f"),
        ("", "a dir/dvc.yaml:f"),
        ("a dir", "x.dvc"),
        ("", "a dir/x.dvc"),
    ):
        hint = work.vfs("repro", target, cwd=cwd, code=23).partition("hint: ")[2]
        log = hint.partition("; ")[2].partition(" shows")[0]
        assert work.vfs(*shlex.split(log)[1:], cwd=cwd) == ("none\n" if "x" in target else "no\n")


def test_status_tells_why(ran: Work) -> None:
    ran.write("params.yaml", "lr: 2\n")
    (ran.root / "b").unlink()
    said = ran.vfs("status")
    assert "changed stage  two\n    dep b deleted\n    param params.yaml: lr modified\n" in said
    assert "changed stage  one\n    out b deleted\n" in said
    (found,) = [one for one in ran.documents("status", "two") if one["type"] == "stage"]
    assert found["reasons"][1] == {"kind": "param", "path": "params.yaml", "key": "lr", "change": "modified"}  # fmt: skip
    ran.vfs("status", "-q", code=1)
    ran.write("dvc.yaml", ran.read("dvc.yaml") + "  bad: {cmd: x, nonsense: 1}\n")
    assert "nonsense" in ran.vfs("status", code=9)


def test_runs_travel(ran: Work) -> None:
    ran.vfs("push", "--run-cache")
    ran.write("params.yaml", "lr: 7\n")
    ran.vfs("repro")
    assert "1 run pushed" in ran.vfs("push", "--run-cache")
    other = clone(ran, "other")
    other.vfs("pull", "--run-cache")
    other.write("params.yaml", "lr: 7\n")
    assert other.outcomes() == {"one": "unchanged", "two": "restored"}
    assert not (other.root / ".dvc/tmp/log").exists()


@pytest.mark.dvc
def test_runs_that_dvc_pushed(work: Work, dvc3: Path) -> None:
    """It leaves out what no cache keeps by `cache: false`, and what is no longer used."""
    work.vfs("remote", "add", "-d", "store", "../remote")
    work.pipeline("  one: {cmd: cp params.yaml b; cp b m, deps: [a], params: [lr], outs: [b], metrics: [m: {cache: false}]}\n")  # fmt: skip
    for rate in (1, 2):
        work.write("params.yaml", f"lr: {rate}\n")
        work.sandbox.run([str(dvc3), "repro"], cwd=work.root)
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "runs")
    work.sandbox.run([str(dvc3), "push", "--run-cache"], cwd=work.root)
    other = clone(work, "other")
    assert "2 runs fetched" in other.vfs("fetch", "--run-cache")


def test_repro_pull(ran: Work) -> None:
    ran.vfs("push", "--run-cache")
    other = clone(ran, "other")
    assert other.outcomes("--pull") == {"one": "pulled", "two": "pulled"}
    assert other.read("c") == "a\n"
    third = clone(ran, "third")
    third.write("params.yaml", "lr: 3\n")
    assert third.outcomes("two", "-s", "--pull") == {"two": "ran"}
    assert third.read("b") == "a\n"
    assert not (third.root / ".dvc/tmp/log").exists()


def test_a_stage_of_dvc_0(work: Work) -> None:
    work.write("b.dvc", "cmd: cat a > b\nmd5: ''\ndeps:\n- path: a\n  md5: 0cc175b9c0f1b6a831c399e269772661\nouts:\n- path: b\n  cache: true\n")  # fmt: skip
    assert work.outcomes("b.dvc") == {"b.dvc": "ran"}
    assert work.outcomes("b.dvc") == {"b.dvc": "unchanged"}
    assert "hash: md5" not in work.read("b.dvc")  # no DVC that reads such stages reads that
    work.write("a", "other\n")
    (found,) = [one for one in work.documents("status") if one["type"] == "stage"]
    assert found["reasons"] == [{"kind": "dep", "path": "a", "change": "modified"}]
    assert json.loads(work.vfs("stage", "list", "--all", "--json"))["name"] == ""


def test_arguments_of_a_command_stay_as_they_were_typed(work: Work) -> None:
    script = "import sys; print(sys.argv[1:], file=open('o u t', 'w'))"
    args = ["a  b", "", "*", "$HOME", 'say "x"', "it's", ">", "~", "plain", "é è", "\\"]
    work.vfs("run", "-n", "x", "-o", "o u t", "python3", "-c", script, *args)
    assert work.read("o u t") == f"{args}\n"
    work.write("a", "here\n")
    work.vfs("run", "-n", "q", "-o", "out file", "sh", "-c", 'cp a "out file"; [ -e a ] && :')
    assert work.read("out file") == "here\n"
    work.vfs("run", "-n", "t", "-o", "l", "sh", "-c", 'echo "$1" > l', "-", "--lr=${lr}")
    assert work.read("l") == "--lr=1\n"
    work.vfs("run", "-n", "s", "-o", "w", "echo $DVC_STAGE > w")
    assert work.read("w") == "s\n"
    assert "has a line break" in work.vfs("run", "-n", "n", "echo", "a\nb", code=2)


def test_a_new_parameter_is_named(ran: Work) -> None:
    lock = ran.read("dvc.lock")
    ran.write("dvc.lock", lock[: lock.index("    params:")])
    (found,) = [one for one in ran.documents("status", "two") if one["type"] == "stage"]
    assert {"kind": "param", "path": "params.yaml", "key": "lr", "change": "new"} in found["reasons"]  # fmt: skip
