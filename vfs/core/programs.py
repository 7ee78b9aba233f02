"""Which program a process runs, so that its next run is known as one.

Rule: a script of an interpreter is the script, wherever its further arguments differ; any other program is all of its command line.
"""

import re
from collections.abc import Sequence
from typing import Final

_INTERPRETER: Final = re.compile(
    rb"(?:python|pypy|bash|dash|sh|zsh|Rscript|julia|node|perl|ruby)[\d.]*"
)
_WITH_CODE: Final = (b"-m", b"-c", b"-e")
"""Options of interpreters whose value is what is run."""

SPAWNED: Final = b"--multiprocessing-fork"
"""In the command line of a worker that Python's multiprocessing started anew: it runs what its parent runs."""


def program_of(argv: Sequence[bytes], cwd: bytes) -> bytes:
    """A name for what is run in a directory; equal names mean the same program."""
    if not argv or not _INTERPRETER.fullmatch(argv[0].rpartition(b"/")[2]):
        return b"\0".join((cwd, *argv))
    rest = iter(argv[1:])
    for argument in rest:
        if argument in _WITH_CODE:
            return b"\0".join((cwd, argument, next(rest, b"")))
        if not argument.startswith(b"-"):
            script = argument if argument.startswith(b"/") else cwd + b"/" + argument
            return b"\0".join((b"", script))
    return b"\0".join((cwd, *argv))
