"""Whether an environment is sound: only what the walk itself says, or its crash, is damage."""

import os
import sys
from pathlib import Path

import pytest

from vfs.lmdb import Environment, Form
from vfs.lmdb.walk import is_sound


class Numbers(Environment):
    form = Form("numbers", ("one", "more"), ("more",), "count again", {})


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    environment = Numbers(tmp_path, map_size=1 << 24)
    one = environment.tables["one"]
    environment.write(lambda t: [t.put(b"%06d" % n, b"x" * 50, db=one) for n in range(10_000)])
    environment.close()
    return tmp_path


def spoil(directory: Path) -> None:
    with (directory / "data.mdb").open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(2 * 4096)
        file.write(b"\xa5" * (size - 2 * 4096))


def test_where_only_this_process_knows_how_to_import_lmdb(
    numbers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where vfs is installed for one user, or found by PYTHONPATH."""
    assert sys.base_prefix != sys.prefix
    monkeypatch.setattr(sys, "executable", f"{sys.base_prefix}/bin/python3")
    assert is_sound(numbers, Numbers.form)
    spoil(numbers)
    assert not is_sound(numbers, Numbers.form)


def walk_with(program: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another program take the place of Python."""
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))


@pytest.mark.parametrize("end", ["exit 1", "exit 127", "kill -KILL $$", "kill -TERM $$"])
def test_a_walk_that_does_not_come_to_its_end_says_nothing(
    numbers: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    walk_with(numbers / "python", end, monkeypatch)
    assert is_sound(numbers, Numbers.form)


@pytest.mark.parametrize("signal", ["SEGV", "BUS", "ABRT"])
def test_a_walk_that_crashes_has_met_damage(
    numbers: Path, monkeypatch: pytest.MonkeyPatch, signal: str
) -> None:
    walk_with(numbers / "python", f"ulimit -c 0\nkill -{signal} $$", monkeypatch)
    assert not is_sound(numbers, Numbers.form)


def test_a_file_that_was_cut_short_is_damaged(numbers: Path) -> None:
    os.truncate(numbers / "data.mdb", 3 * 4096)
    assert is_sound(numbers, Numbers.form) is False
