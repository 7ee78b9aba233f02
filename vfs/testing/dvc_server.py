"""The real dvc's command line, many commands in one process: a start takes it half a second."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_SERVER = r"""
import json, os, sys, tempfile
from dvc.cli import main
answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    cwd, args = json.loads(line)
    os.chdir(cwd)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        saved = os.dup(1), os.dup(2)
        os.dup2(out.fileno(), 1), os.dup2(err.fileno(), 2)
        try:
            code = main(args)
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os.dup2(saved[0], 1), os.dup2(saved[1], 2)
            os.close(saved[0]), os.close(saved[1])
        out.seek(0), err.seek(0)
        answer = [code, out.read().decode(), err.read().decode()]
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
"""


class Answer(NamedTuple):
    """What a command ended with and printed."""

    code: int
    out: str
    err: str


class DvcServer:
    """A dvc that waits for commands."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, cwd: Path, *args: str) -> Answer:
        """Run one command, whatever comes of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(cwd), list(args)]) + "\n")
        self._process.stdin.flush()
        return Answer(*json.loads(self._process.stdout.readline()))

    def run(self, cwd: Path, *args: str) -> str:
        """Run one command that must succeed; what it printed."""
        answer = self.ask(cwd, *args)
        assert answer.code == 0, answer
        return answer.out


@contextmanager
def dvc_server(dvc: Path, env: Mapping[str, str]) -> Iterator[DvcServer]:
    """Start one; it ends with the context."""
    python = dvc.parent / "python"
    process = subprocess.Popen(
        [python, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(env)
    )  # fmt: skip
    try:
        yield DvcServer(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()
