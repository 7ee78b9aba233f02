"""Values as people and shells read them."""

import os
import subprocess
from pathlib import Path

import pytest

from vfs_cli.text import printable, shell_word

NAMES = [b"plain", b"a b'c", b"-rf", b"new\nline", b"\x1b[31mred", b"\xff\\'", "\u202eé".encode(), b"~", b"$(x)"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_finds_the_file_that_is_named(tmp_path: Path, name: bytes) -> None:
    """In the words of a command that is told: nothing in it acts on the terminal."""
    word = shell_word(name)
    assert printable(word) == word
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
        file.write(b"content")
    read = subprocess.run(["bash", "-c", f"cat {word}"], cwd=tmp_path, capture_output=True, check=True)  # fmt: skip
    assert read.stdout == b"content"
