"""Lines of `.gitignore`: Git takes each for its name and for no other."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.formats.gitignore import ignore_line, with_line, without_line

NAME = st.text("a b!#\\[]*?\n\t\r\"'é-~", min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)


def ignored(root: Path, names: list[bytes]) -> set[bytes]:
    done = subprocess.run(
        ["git", "-C", root, "check-ignore", "-z", "--stdin"],
        input=b"\0".join(names), capture_output=True, check=False,
    )  # fmt: skip
    return set(done.stdout.split(b"\0")) - {b""}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", made], check=True)
    return made


@settings(deadline=None)
@given(name=NAME, other=NAME)
def test_git_agrees(root: Path, name: str, other: str) -> None:
    names = [name.encode(), other.encode()]
    (root / ".gitignore").write_bytes(with_line(b"", names[0]))
    found = ignored(root, names)
    assert names[0] in found
    if "\n" not in name and not name.endswith("\r"):
        assert found == {names[0]}


def test_lines() -> None:
    assert ignore_line(b"we ird[1]#.txt") == b"/we ird\\[1\\]\\#.txt"
    assert ignore_line(b"!x") == b"/\\!x"
    assert with_line(b"a", b"b") == b"a\n/b\n"
    assert with_line(b"/b\n", b"b") == b"/b\n"
    assert without_line(b"a\n/b\nc", b"b") == b"a\nc"
    assert without_line(b"a\r\n/b\r\nc\r\n", b"b") == b"a\r\nc\r\n"
    assert without_line(b"/b\n", b"b") == b""
    assert without_line(b"/we ird[1]\n", b"we ird[1]") == b""  # DVC's own removal leaves these


@given(text=st.binary(max_size=40), name=NAME)
def test_a_line_that_was_added_can_be_removed(text: bytes, name: str) -> None:
    before = without_line(text, name.encode())
    after = without_line(with_line(before, name.encode()), name.encode())
    assert after == before + (b"" if not before or before.endswith(b"\n") else b"\n")
