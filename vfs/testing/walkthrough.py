"""Commands and their output as a document shows them, run again and compared.

A fenced block of the language `console` is a piece of a session: a line that begins with `$ ` is a command, the lines below it are
what it prints. `…` stands for any text within a line; a line that is `…` alone for any lines.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "--- the command ended with "


class Step(NamedTuple):
    """One command, and what it is said to print."""

    command: str
    output: str


def steps(text: str) -> list[Step]:
    """All commands of a document, in order."""
    found: list[Step] = []
    for block in _BLOCK.findall(text):
        for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = piece.partition("\n")
            found.append(Step(command, output))
    return found


def run(
    steps: Sequence[Step], directory: Path, environ: Mapping[str, str], *, timeout: float = 240
) -> list[str]:
    """Run commands in one shell, as somebody types them; what each printed, to either stream.

    Raises AssertionError: one ended with another code than 0.
    """
    script = "".join(f'{step.command}\necho "{_MARK}$?"\n' for step in steps)
    done = subprocess.run(
        ["bash", "-s"],
        input=script.encode(),
        cwd=directory,
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=timeout,
    )
    pieces = re.split(rf"^{_MARK}(\d+)\n", done.stdout.decode(), flags=re.MULTILINE)
    outputs, codes = pieces[0::2], pieces[1::2]
    for step, output, code in zip(steps, outputs, codes, strict=False):
        assert code == "0", f"$ {step.command}\n{output}"
    assert len(codes) == len(steps), done.stdout.decode()
    return outputs[: len(steps)]


def is_as_shown(shown: str, printed: str) -> bool:
    """Whether an output is what a document shows."""
    lines = [re.escape(line).replace("…", ".*") for line in shown.splitlines()]
    pattern = "".join("(.*\n)*" if line == ".*" else line + "\n" for line in lines)
    return re.fullmatch(pattern, printed) is not None
