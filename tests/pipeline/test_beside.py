"""A stage beside another run of it: what goes on after an interruption, and the real DVC."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.conftest import Work


@pytest.fixture
def in_place() -> bool:
    """In a view nothing goes on."""
    return True


def slow(work: Work) -> None:
    """A stage that waits, in a process below its shell."""
    work.write("wait.sh", f"touch {work.signs}/begun\nwhile [ ! -e {work.signs}/go ]; do sleep 0.01; done\ncp a b\n")  # fmt: skip
    work.pipeline("  one: {cmd: 'sh wait.sh; true', deps: [a], outs: [b]}\n")


def test_what_goes_on_keeps_others_away(work: Work, waiting: Callable[[Path], None]) -> None:
    for kill in (subprocess.Popen.terminate, subprocess.Popen.kill):
        slow(work)
        process = work.start("repro", "-f")
        waiting(work.signs / "begun")
        (lock,) = (work.root / ".dvc/tmp").glob("vfs-run-*.lock")
        kill(process)
        process.wait()
        assert "another process is running the stage 'one'" in work.vfs("repro", "-f", code=21)
        (work.signs / "go").touch()
        work.vfs("repro", "-f", "--wait", "20")
        assert not lock.exists()
        assert process.stdout is not None
        process.stdout.close()
        for sign in ("begun", "go"):
            (work.signs / sign).unlink()


def test_what_a_command_leaves_in_the_background_holds_nothing(work: Work) -> None:
    work.pipeline(f"  one: {{cmd: 'cp a b; (while [ -d {work.signs} ] && [ ! -e {work.signs}/go ]; do sleep 0.01; done) > /dev/null 2>&1 &', deps: [a], outs: [b]}}\n")  # fmt: skip
    work.vfs("repro")
    work.vfs("repro", "-f")
    (work.signs / "go").touch()


def test_what_waits_beside_it_is_not_begun_after_ctrl_c(
    work: Work, waiting: Callable[[Path], None]
) -> None:
    """It waits for what another process writes, in a thread, which no signal ends."""
    work.pipeline(
        f"  one: {{cmd: touch {work.signs}/begun; sleep 1000, deps: [a], outs: [b]}}\n"
        f"  two: {{cmd: touch {work.signs}/ran c, deps: [a], outs: [c]}}\n"
    )
    with subprocess.Popen(["sleep", "1000"]) as other:
        mark = {str(work.root / "c"): {"pid": other.pid, "cmd": "dvc repro"}}
        work.write(".dvc/tmp/rwlock", json.dumps({"write": mark, "read": {}}))
        process = work.start("repro", "-j", "2", "--wait", "60")
        waiting(work.signs / "begun")
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        assert any(b"stage 'one' was interrupted" in line for line in process.stdout)
        other.kill()
    said = process.communicate()[0]
    assert process.returncode == 130, said
    assert not (work.signs / "ran").exists()


@pytest.mark.dvc
def test_dvc_and_vfs_refuse_each_other(
    work: Work, dvc3: Path, waiting: Callable[[Path], None]
) -> None:
    slow(work)
    marks = work.root / ".dvc/tmp/rwlock"
    process = work.start("repro")
    waiting(work.signs / "begun")
    refused = work.sandbox.run([str(dvc3), "repro"], cwd=work.root, check=False)
    assert refused.returncode
    assert b"is busy" in refused.stderr
    (work.signs / "go").touch()
    process.communicate()
    assert process.returncode == 0
    assert json.loads(marks.read_text()) == {"read": {}, "write": {}}

    for sign in ("begun", "go"):
        (work.signs / sign).unlink()
    other = subprocess.Popen(
        [dvc3, "repro", "-f"], cwd=work.root, env=work.sandbox.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    waiting(work.signs / "begun")
    assert f"is in use by process {other.pid}" in work.vfs("repro", "-f", code=21)
    (work.signs / "go").touch()
    work.vfs("repro", "-f", "--wait", "30")
    assert other.wait() == 0
    gone = {"write": {str(work.root / "b"): {"pid": 2**22 + 1, "cmd": "killed"}}, "read": {}}
    marks.write_text(json.dumps(gone))
    work.vfs("repro", "-f")
    marks.write_text("{")
    assert "rwlock cannot be read" in work.vfs("repro", "-f", code=17)
