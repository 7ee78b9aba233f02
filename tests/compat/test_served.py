"""Commands that are run by one process which has loaded DVC end and print as those that are started."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from vfs.testing.clones import Clone
from vfs.testing.program_server import SCRIPT, VFS, dvc_server

pytestmark = pytest.mark.dvc


def test_as_the_program_itself(one: Clone) -> None:
    assert one.program is not None
    below = one.root / "data"
    (below / "6").write_bytes(b"new")
    env = {"DVC_GLOBAL_CONFIG_DIR": str(one.root.parent / "of mine")}
    (one.root.parent / "of mine").mkdir()
    Path(env["DVC_GLOBAL_CONFIG_DIR"], "config").write_text(
        "['remote \"mine\"']\n    url = /mine\n"
    )
    for words in (["remote", "list"], ["status"], ["add", "nothing"], ["no-such-verb"]):
        served = one.sandbox.run([one.program, *words], cwd=below, env=env, check=False)
        started = subprocess.run(
            [one.program, *words],
            cwd=below,
            env={**one.sandbox.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert served.returncode == started.returncode, words
        assert (served.stdout, served.stderr) == (started.stdout, started.stderr)
        assert b"mine" in served.stdout or words[0] != "remote"


@pytest.mark.parametrize("program", [VFS, (SCRIPT,)], ids=["module", "script"])
def test_vfs_as_the_program_itself(one: Clone, program: tuple[str, ...]) -> None:
    (one.root / "data" / "6").write_bytes(b"new")
    for words in (
        ["status"],
        ["status", "--json"],
        ["add", "nothing"],
        ["no-such-verb"],
        ["ls", "--no-such"],
    ):
        served = one.sandbox.run([*program, *words], cwd=one.root, check=False)
        run = subprocess.run(
            [*program, *words],
            cwd=one.root,
            env=one.sandbox.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert served.returncode == run.returncode, words
        assert (served.stdout, served.stderr) == (run.stdout, run.stderr)


@pytest.mark.parametrize("where", ["home/.gitconfig", "config/git/ignore"])
def test_git_is_configured_as_in_the_sandbox(one: Clone, where: str) -> None:
    """libgit2 looks for its configuration when it is loaded, which it is before there is a sandbox."""
    (one.root / "hidden").mkdir()
    shutil.copy(one.root / "data.dvc", one.root / "hidden" / "data.dvc")
    words = [*VFS, "ls", "--rev", "worktree", "-R"]
    assert b"hidden/data" in one.sandbox.run(words, cwd=one.root).stdout
    file = one.sandbox.root / where
    file.parent.mkdir(exist_ok=True)
    (one.sandbox.root / "ignored").write_text("hidden\n")
    said = (
        f"[core]\n    excludesFile = {one.sandbox.root}/ignored\n"
        if "gitconfig" in where
        else "hidden\n"
    )
    before = file.read_text() if file.exists() else ""
    file.write_text(before + said)
    try:
        assert b"hidden/data" not in one.sandbox.run(words, cwd=one.root).stdout
    finally:
        file.write_text(before)


class TooLate(Exception):
    """As the time limit of a test."""


def test_a_command_that_was_given_up_answers_nobody(one: Clone) -> None:
    def give_up(*_: object) -> None:
        raise TooLate

    assert one.program is not None
    before = signal.signal(signal.SIGUSR1, give_up)
    (one.root / "dvc.yaml").write_text(
        "stages:\n  hang:\n    cmd: sleep 600 & kill -USR1 $TESTS; wait\n"
    )
    env = {**one.sandbox.environ, "TESTS": str(os.getpid())}
    try:
        with dvc_server(one.program) as server:
            with pytest.raises(TooLate):
                server.run(["repro", "-q"], one.root, env)
            assert server.run(["no-such-verb"], one.root, env).returncode == 254
    finally:
        signal.signal(signal.SIGUSR1, before)
