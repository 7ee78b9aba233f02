"""Which processes run the same program."""

import pytest

from vfs.core.programs import program_of

PYTHON = b"/usr/bin/python3.11"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([PYTHON, b"train.py", b"--lr=1"], [b"python", b"-u", b"/w/train.py", b"--lr=2"]),
        ([PYTHON, b"-m", b"tool", b"a"], [PYTHON, b"-m", b"tool", b"b"]),
        ([b"bash", b"run.sh"], [b"/bin/bash", b"run.sh", b"x"]),
    ],
)
def test_further_arguments_of_a_script_do_not_matter(one: list[bytes], other: list[bytes]) -> None:
    assert program_of(one, b"/w") == program_of(other, b"/w")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([PYTHON, b"a.py"], [PYTHON, b"b.py"]),
        ([PYTHON, b"-c", b"1"], [PYTHON, b"-c", b"2"]),
        ([PYTHON, b"-m", b"a.py"], [PYTHON, b"a.py"]),
        ([b"cat", b"a"], [b"cat", b"b"]),
        ([b"pythonic", b"a", b"b"], [b"pythonic", b"a", b"c"]),
        ([PYTHON], [PYTHON, b"a.py"]),
        ([], [b""]),
    ],
)
def test_different_programs_have_different_names(one: list[bytes], other: list[bytes]) -> None:
    assert program_of(one, b"/w") != program_of(other, b"/w")


def test_a_relative_script_is_that_of_its_directory() -> None:
    argv = [PYTHON, b"train.py"]
    assert program_of(argv, b"/a") != program_of(argv, b"/b")
