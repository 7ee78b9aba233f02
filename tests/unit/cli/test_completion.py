"""The shell completes what it is told by `vfs completion`."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Daemons, Done, git, process
from tests.unit.cli.test_startup import HEAVY

Vfs = Callable[..., Done]

DRIVER = r"""
compopt() { [ "$1" = -o ] && echo "the shell's own: $2"; }
eval "$(vfs completion bash)"
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMPREPLY=()
_vfs_completion vfs
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def bash(world: Path) -> Callable[..., list[str]]:
    """What bash would offer for the last of some words, by the function that `vfs completion bash` defines."""
    program = world / "bin" / "vfs"
    program.parent.mkdir()
    main = f"import sys; sys.path[:0] = {sys.path!r}; from vfs_cli.main import main; main()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c {shlex.quote(main)} "$@"\n')
    program.chmod(0o755)

    def complete(*words: str) -> list[str]:
        environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
        command = ["bash", "--norc", "-c", DRIVER, "bash", "vfs", *words]
        done = subprocess.run(
            command, env=environment, capture_output=True, check=True, text=True, timeout=60
        )
        assert done.stderr == ""
        return done.stdout.split("\n")[:-1] if done.stdout != "\n" else []

    return complete


@pytest.fixture
def repo(world: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = world / "repo"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    git(path, "commit", "-q", "--allow-empty", "-m", "first")
    for name in ("v1.0", "v1.1", "v$(id)"):
        git(path, "tag", name)
    git(path, "branch", "topic/one")
    monkeypatch.chdir(path)
    return path


def test_verbs_and_options(bash: Callable[..., list[str]]) -> None:
    assert bash("sw") == ["switch"]
    assert bash("ls", "--re") == ["--rev", "--repo"]


def test_revisions(bash: Callable[..., list[str]], repo: Path) -> None:
    """Of this repository; a name in which a shell would see a command is not offered."""
    everything = ["main", "topic/one", "v1.0", "v1.1", "worktree"]
    assert bash("switch", "") == everything
    for words in (["ls", "--rev", "v"], ["mount", "--rev", "v"], ["diff", "main", "v"]):
        assert bash(*words) == ["v1.0", "v1.1"]
    assert bash("diff", "main..v1.1") == ["main..v1.1"]
    assert bash("prefetch", "--rev", "to") == ["topic/one"]


def test_revisions_of_another_repository(
    bash: Callable[..., list[str]], repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert bash("ls", "--repo", str(repo), "--rev", "v") == ["v1.0", "v1.1"]
    assert bash("ls", "--rev", "v") == []


def test_paths_are_left_to_the_shell(bash: Callable[..., list[str]]) -> None:
    for words in (["cat", "x"], ["ls", ""], ["prefetch", "a", "b"], ["prefetch", "--from", "x"]):
        assert bash(*words)[0] == "the shell's own: default", words
    for words in (["mount", "x"], ["ls", "--repo", "x"]):
        assert bash(*words)[0] == "the shell's own: dirnames", words


def test_mount_points(
    bash: Callable[..., list[str]], daemons: Daemons, world: Path, repo: Path
) -> None:
    points = [str(world / name) for name in ("a", "b")]
    for point in points:
        daemons.start(Path(point), repo)

    def ours(*words: str) -> list[str]:  # the machine may have other mounts of the same user
        return [word for word in bash(*words) if word.startswith(str(world))]

    for words in (["umount", ""], ["status", ""], ["switch", "v1.0", "--mount", ""]):
        assert ours(*words) == points, words
    assert ours("ls", "--mount", f"{world}/b") == points[1:]


@pytest.mark.parametrize("words", ["vfs sw", "vfs switch v", "vfs umount /"])
def test_completion_imports_nothing_heavy(words: str, repo: Path) -> None:
    environment = {**os.environ, "_VFS_COMPLETE": "fish_complete", "COMP_WORDS": words}
    environment["COMP_CWORD"] = words.split()[-1]
    done = process(interpreter=("-X", "importtime"), env=environment)
    names = {line.split("|")[-1].strip() for line in done.stderr.decode().splitlines()}
    assert "click" in names
    assert not names & set(HEAVY)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_as_json(vfs: Vfs, shell: str) -> None:
    (document,) = vfs("completion", shell, "--json").documents
    assert (document["type"], document["shell"]) == ("completion", shell)
    assert vfs("completion", shell).out == document["script"] + "\n"
    assert "_VFS_COMPLETE" in document["script"]
