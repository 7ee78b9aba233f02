"""Commands that are run by one process which has loaded DVC end and print as those that are started."""

import subprocess
from pathlib import Path

import pytest

from vfs.testing.clones import Clone

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
