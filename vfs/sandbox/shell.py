"""How a line of a stage's command becomes an argument vector: as DVC's `stage/run.py` does."""

import functools
import os
import re
import subprocess
from collections.abc import Mapping
from typing import Final

_PLAIN: Final = {"zsh": ("--no-rcs",), "bash": ("--noprofile", "--norc")}


def shell(line: str, environment: Mapping[str, str]) -> list[str]:
    """The user's own shell without its start-up files: what those set would be an input that nobody recorded."""
    program = environment.get("SHELL") or "/bin/sh"
    name = os.path.basename(program).lower()
    options = _PLAIN.get(name, ())
    if name == "fish" and _fish_has_no_config(program):
        options = ("--no-config",)
    return [program, *options, "-c", line]


@functools.cache
def _fish_has_no_config(program: str) -> bool:
    """`--no-config` came with fish 3.4."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    found = re.search(rb"(\d+)\.(\d+)[^ ]*\s*$", said)
    return found is not None and (int(found[1]), int(found[2])) >= (3, 4)
