"""What a user of DVC expects of stages, found by being one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vfs.testing.mounts import wait_until
from vfs.testing.sandbox import Sandbox

VFS = str(Path(sys.executable).parent / "vfs")
ONE = "stages:\n  s:\n    cmd: cp x.log o\n    deps: [x.log]\n    outs: [o]\n"


class Repository:
    def __init__(self, sandbox: Sandbox, text: str) -> None:
        self.root = sandbox.root / "repository"
        self.root.mkdir()
        self.environ = sandbox.environ
        sandbox.git(self.root, "init", "-q", ".")
        self.run(VFS, "init")
        self.write("dvc.yaml", text)

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            arguments,
            cwd=self.root,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def vfs(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(VFS, *arguments)


@pytest.fixture
def empty(sandbox: Sandbox) -> Repository:
    return Repository(sandbox, "stages: {}\n")


@pytest.mark.parametrize(
    "text", ["stages:\n\ts:\n", "<<<<<<< HEAD\nstages: {}\n=======\nstages: 1\n>>>>>>> x\n"]
)
def test_status_of_a_file_that_cannot_be_read_is_not_that_nothing_differs(
    empty: Repository, text: str
) -> None:
    empty.write("dvc.yaml", text)
    assert empty.vfs("status", "-q").returncode != 0


def test_stage_list_says_that_a_file_cannot_be_read(empty: Repository) -> None:
    empty.write("dvc.yaml", "stages:\n\ts:\n")
    told = empty.vfs("stage", "list")
    assert "dvc.yaml:2" in told.stderr
    assert "no dvc.yaml with a stage" not in told.stderr


def test_a_dep_that_dvcignore_hides_is_judged(empty: Repository) -> None:
    empty.write("dvc.yaml", ONE)
    empty.write("x.log", "1\n")
    assert empty.vfs("repro").returncode == 0
    empty.write(".dvcignore", "*.log\n")
    empty.write("x.log", "2\n")
    told = empty.vfs("status", "--json").stdout.splitlines()
    assert any(line.get("stage") == "s" and line["changed"] for line in map(json.loads, told))
    assert empty.vfs("repro").returncode == 0
    assert empty.read("o") == "2\n"


def test_an_out_below_a_symlink_of_the_repository(empty: Repository) -> None:
    (empty.root / "real").mkdir()
    (empty.root / "link").symlink_to("real")
    empty.write("dvc.yaml", "stages:\n  s:\n    cmd: echo 1 > link/o\n    outs: [link/o]\n")
    told = empty.vfs("repro")
    assert told.returncode == 0, told.stderr


def test_what_only_the_user_has_survives_two_runs_that_fail(empty: Repository) -> None:
    empty.write("dvc.yaml", "stages:\n  s:\n    cmd: echo half > o; test -f never\n    outs: [o]\n")
    empty.write("o", "precious\n")
    for _ in range(2):
        assert empty.vfs("repro").returncode == 23
    kept = [path.read_text() for path in (empty.root / ".dvc/tmp").rglob("o")]
    assert "precious\n" in kept or empty.read("o") == "precious\n", kept


def test_a_stage_that_is_called_as_its_out_can_be_committed(empty: Repository) -> None:
    empty.write("dvc.yaml", "stages:\n  o:\n    cmd: echo 1 > o\n    outs: [o]\n")
    assert empty.vfs("repro").returncode == 0
    (empty.root / "o").unlink()
    empty.write("o", "2\n")
    told = empty.vfs("commit", "o")
    assert told.returncode == 0, told.stderr
    assert empty.vfs("status", "-q").returncode == 0


def test_words_of_a_command_reach_it_as_they_are(empty: Repository) -> None:
    told = empty.vfs("run", "-n", "s", "-O", "o", "sh", "-c", 'echo "$1" > o', "x", "a;b")
    assert told.returncode == 0, told.stderr
    assert empty.read("o") == "a;b\n"


def test_wait_waits_for_another_run_of_the_stage(empty: Repository) -> None:
    empty.write(
        "dvc.yaml", "stages:\n  s:\n    cmd: touch ../began; sleep 2; echo 1 > o\n    outs: [o]\n"
    )
    with subprocess.Popen(
        [VFS, "repro"], cwd=empty.root, env=empty.environ, stdout=subprocess.DEVNULL
    ) as first:
        wait_until((empty.root.parent / "began").exists, "the first run to begin")
        second = empty.vfs("repro", "--wait", "30")
        assert first.wait() == 0
    assert second.returncode == 0, second.stderr


def test_a_dep_that_nothing_gives_is_refused_before_anything_runs(empty: Repository) -> None:
    empty.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: echo 1 > a\n    outs: [a]\n"
        "  b:\n    cmd: cat a none > b\n    deps: [a, none]\n    outs: [b]\n",
    )
    assert empty.vfs("repro").returncode != 0
    assert not (empty.root / "a").exists()


def test_a_shell_that_is_not_there_is_named(empty: Repository) -> None:
    empty.write("dvc.yaml", "stages:\n  s:\n    cmd: echo 1 > o\n    outs: [o]\n")
    empty.environ = {**empty.environ, "SHELL": "/usr/bin/no-such-shell"}
    told = empty.vfs("repro")
    assert told.returncode != 0
    assert "no-such-shell" in told.stderr + told.stdout


@pytest.mark.dvc
def test_a_pipeline_of_single_stages_is_still_read_by_dvc_2(sandbox: Sandbox, dvc2: Path) -> None:
    made = Repository(sandbox, "")
    (made.root / "dvc.yaml").unlink()
    made.write("in", "1\n")
    dvc = str(dvc2 / "bin/dvc") if dvc2.is_dir() else str(dvc2)
    assert (
        made.run(
            dvc, "run", "-q", "--single-stage", "--file", "o.dvc", "-d", "in", "-o", "o", "cp in o"
        ).returncode
        == 0
    )
    made.write("in", "2\n")
    assert made.vfs("repro", "o.dvc").returncode == 0
    told = made.run(dvc, "status")
    assert told.returncode == 0, told.stderr
