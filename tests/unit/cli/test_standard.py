"""Standard output and error that are closed, full or gone: each verb does its work and says what it could not print."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Daemons, git

VERBS = (
    "--help",
    "--version",
    "ls",
    "ls -l --json",
    "cat a.txt",
    "log --json",
    "diff v1 HEAD",
    "du",
    "status",
    "doctor --offline",
    "cache",
    "completion bash",
)
WRONG = {"doctor --offline": 1}  # it may find something


def run(redirected: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """`vfs WORDS`, started by a shell that redirects."""
    script = f"import sys; sys.path[:0] = {sys.path!r}; from vfs_cli.entry import main; main()"
    command = ["sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, "-c", script, *words]
    return subprocess.run(command, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("words", VERBS)
def test_standard_output_on_a_full_disk(repo: Path, words: str) -> None:
    done = run(">/dev/full", *words.split())
    text = done.stderr.decode()
    assert done.returncode == 74, text
    if "--json" in words:
        assert '"code": "output-failed"' in text
    else:
        assert "error: standard output cannot be written: No space left on device\n" in text
    assert "Traceback" not in text
    assert "Exception ignored" not in text


@pytest.mark.parametrize("words", ["--help", "ls", "cat a.txt", "doctor --offline"])
@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_what_is_closed_is_the_null_device(repo: Path, words: str, closed: str) -> None:
    plain = run("", *words.split())
    done = run(closed, *words.split())
    assert done.returncode == plain.returncode, done.stderr
    assert done.returncode in (0, WRONG.get(words, 0)), plain.stderr
    assert done.stderr in (b"", plain.stderr)
    if closed == "2>&-" and words != "doctor --offline":
        assert done.stdout == plain.stdout


@pytest.mark.parametrize("lost", ["2>/dev/full", "2>&-"])
def test_standard_error_changes_no_outcome(repo: Path, lost: str) -> None:
    assert run(lost, "ls", "nosuch").returncode == 5
    assert run(lost, "nonsense").returncode == 2
    assert run(lost, "--debug", "ls", "nosuch").returncode == 5
    assert run(f"{lost} >/dev/full", "ls").returncode == 74


def test_an_error_after_output_that_was_lost_is_the_error(repo: Path) -> None:
    plain = run("", "cat", "a.txt", "nosuch")
    assert plain.returncode == 2
    done = run(">/dev/full", "cat", "a.txt", "nosuch")
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr)


def test_a_reader_that_went_away_is_quiet(repo: Path) -> None:
    for words in ("ls", "--help", "status"):
        script = 'exec 3>&1; { "$@" 2>&3; echo $? >&3; } | true'
        code = f"import sys; sys.path[:0] = {sys.path!r}; from vfs_cli.entry import main; main()"
        command = ["sh", "-c", script, "sh", sys.executable, "-c", code, *words.split()]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert done.stdout in (b"141\n", b"0\n", b"1\n"), words  # small output may fit the pipe


def test_output_that_would_block_is_waited_for(repo: Path) -> None:
    (repo / "big").write_bytes(b"0123456789abcdef" * (1 << 16))
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "big")
    blocking = "import os, sys; os.set_blocking(1, False); os.execv(sys.argv[1], sys.argv[1:])"
    code = f"import sys; sys.path[:0] = {sys.path!r}; from vfs_cli.entry import main; main()"
    command = [sys.executable, "-c", blocking, sys.executable, "-c", code, "cat", "big"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, b"")
    assert out == (repo / "big").read_bytes()


@pytest.mark.parametrize("lost", [">&-", "2>&-"])
def test_a_switch_is_done_unheard(repo: Path, daemons: Daemons, world: Path, lost: str) -> None:
    asked: list[dict[str, Any]] = []

    async def switch(args: dict[str, Any], progress: object) -> dict[str, Any]:
        asked.append(args)
        return {"rev": "v1", "commit": "0" * 40}

    async def status(args: dict[str, Any], progress: object) -> dict[str, Any]:
        return {"rev": "v1"}

    daemons.start(world / "mnt", repo, status=status, switch=switch)
    done = run(lost, "switch", "v1", "--mount", str(world / "mnt"))
    assert done.returncode == 0, done
    assert len(asked) == 1


def test_completion_ends_as_any_verb(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_VFS_COMPLETE", "bash_source")
    done = run(">/dev/full")
    assert done.returncode == 74
    assert b"Traceback" not in done.stderr
    assert run(">&-").returncode == 0
