"""Ctrl-C before a command has begun: the script that users start ends as if it had."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

SCRIPT = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
sys.argv = ["vfs", "status"]
from {entry} import main
main()
"""


@pytest.mark.parametrize("module", ["click", "vfs_cli.group", "vfs_cli.status"])
def test_while_modules_are_imported(module: str, tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entry, _, name = project["scripts"]["vfs"].partition(":")
    assert name == "main"
    script = SCRIPT.format(module=module, entry=entry)
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, cwd=tmp_path, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
