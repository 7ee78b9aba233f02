"""Pointers, listings, ignore lines and objects are those that the real dvc writes for the same tree."""

import hashlib
import os
import shutil
from collections.abc import Callable

import pytest

from tests.tracking.conftest import Clone
from vfs.testing.builders import ODD_NAMES

pytestmark = [pytest.mark.dvc, pytest.mark.slow]

NewClone = Callable[[str], Clone]

SINGLES = (
    "a file.bin",
    "ünï😀.bin",
    "it's.bin",
    'say "x".bin',
    "100%#1.bin",
    "yes",
    "1:20",
    "~",
    "null",
    "0x10",
    "!bang",
    "#hash",
    "we ird[1]#.txt",
    "back\\slash",
    "star*?.bin",
    "tab\there",
    "-dash",
    "x" * 100,
    "some words " * 12 + "end",
    " leading",
    "key: value",
    "- item",
    "@at",
    "`tick`",
    "%percent",
    "&anchor",
    "|pipe",
    "{brace}",
    "2020-01-01",
    "1e3",
    "True",
    "é" * 60,
)


@pytest.fixture
def twins(new_clone: NewClone) -> tuple[Clone, Clone]:
    return new_clone("ours"), new_clone("theirs")


def same(ours: Clone, theirs: Clone) -> None:
    assert ours.metadata() == theirs.metadata()
    mine, other = ours.objects(), theirs.objects()
    assert mine.items() <= other.items()
    # DVC also keeps the list of a directory that was added to a tracked one; nothing names it.
    assert all(name.endswith(".dir") for name in other.keys() - mine.keys())
    assert ours.leftovers() == []


def both(twins: tuple[Clone, Clone], *arguments: str) -> None:
    """The same verb by each."""
    ours, theirs = twins
    ours.vfs(*arguments)
    theirs.dvc(*arguments)


def write(twins: tuple[Clone, Clone], path: str, data: bytes, *, executable: bool = False) -> None:
    for clone in twins:
        clone.write(path, data, executable=executable)


def test_odd_names(twins: tuple[Clone, Clone]) -> None:
    for number, name in enumerate(ODD_NAMES):
        write(twins, f"odd/{name}", b"content %d\n" % number * (number + 1))
    for name in SINGLES:
        write(twins, f"single/{name}", name.encode() * 3)
    both(twins, "add", "odd", "--", *(f"single/{name}" for name in SINGLES))
    same(*twins)
    ours, _ = twins
    assert "up to date" in ours.dvc("status")


def test_shapes(twins: tuple[Clone, Clone]) -> None:
    write(twins, "empty", b"")
    write(twins, "run.sh", b"#!/bin/sh\n", executable=True)
    write(twins, "data/run.sh", b"#!/bin/sh\n", executable=True)
    write(twins, "data/crlf.txt", b"a\r\nb\r\n")
    write(twins, "data/.hidden/x", b"x")
    write(twins, "data/.git", b"gitdir: nowhere")
    write(twins, "data/.hg/store", b"not seen")
    for clone in twins:
        for directory in ("data/void", "void", "nested/void"):
            os.makedirs(clone.path(directory))
        os.symlink("run.sh", clone.path("data/link"))
    both(twins, "add", "empty", "run.sh", "data", "void", "nested")
    same(*twins)


def test_numeric_hashes_are_quoted(twins: tuple[Clone, Clone]) -> None:
    """Contents whose MD5 looks like a number to YAML."""
    found: list[bytes] = []
    number = 0
    while len(found) < 2:
        digest = hashlib.md5(b"%d" % number).hexdigest()
        mantissa, exponent, rest = digest.partition("e")
        if (exponent and mantissa.isdigit() and rest.isdigit()) or digest.isdigit():
            found.append(b"%d" % number)
        number += 1
    for position, data in enumerate(found):
        write(twins, f"n{position}", data)
    both(twins, "add", *(f"n{position}" for position in range(len(found))))
    same(*twins)
    assert b"'" in twins[0].read("n0.dvc")


def test_again_after_changes(twins: tuple[Clone, Clone]) -> None:
    for number in range(20):
        write(twins, f"data/{number}", b"%d" % number)
    write(twins, "file", b"one")
    both(twins, "add", "data", "file")
    for clone in twins:
        text = clone.read("file.dvc").replace(b"outs:\n", b"# why it is here\nouts:\n")
        clone.write(
            "file.dvc", text.replace(b"size: 3", b"size: 3 # bytes") + b"meta:\n  who: me\n"
        )
    write(twins, "data/3", b"changed")
    write(twins, "data/new/deep", b"new")
    write(twins, "file", b"another", executable=True)
    for clone in twins:
        os.unlink(clone.path("data/7"))
    both(twins, "add", "data", "file")
    same(*twins)
    assert b"# why it is here" in twins[0].read("file.dvc")
    for clone in twins:  # a file becomes a directory
        os.unlink(clone.path("file"))
        clone.write("file/in", b"in")
    both(twins, "add", "file")
    same(*twins)


def test_inside_a_directory_that_is_not_here(twins: tuple[Clone, Clone]) -> None:
    for number in range(6):
        write(twins, f"data/sub/{number}", b"%d" % number)
    both(twins, "add", "data")
    for clone in twins:
        shutil.rmtree(clone.path("data"))
    write(twins, "data/sub/new", b"appended")
    both(twins, "add", "data/sub/new")
    same(*twins)
    assert b"nfiles: 7" in twins[0].read("data.dvc")
    write(twins, "data/sub/3", b"replaced")
    both(twins, "add", "data/sub/3")
    same(*twins)
    both(twins, "add", "data/sub/4")  # which is not there: it leaves the list
    same(*twins)
    write(twins, "data/more/a", b"a")
    write(twins, "data/more/b", b"b")
    both(twins, "add", "data/more")
    same(*twins)


def test_ignore_lines(twins: tuple[Clone, Clone]) -> None:
    write(twins, ".gitignore", b"*.covered\n/already\nfolder/\n# the end has no line feed")
    write(twins, "a.covered", b"1")
    write(twins, "already", b"2")
    write(twins, "folder/x", b"3")
    write(twins, "b", b"4")
    write(twins, "sub/c", b"5")
    both(twins, "add", "a.covered", "already", "folder", "b", "sub/c")
    same(*twins)
    both(twins, "remove", "already.dvc")
    both(twins, "remove", "sub/c.dvc")
    same(*twins)
    both(twins, "remove", "b.dvc", "--outs")
    same(*twins)
    assert not os.path.exists(twins[0].path("b"))


def test_ignored_files(twins: tuple[Clone, Clone]) -> None:
    lines = b"*.tmp\n/data/skip/\n!keep.tmp\nsub/*.log\ndata/**/deep\n\\#odd\n  spaced  \n"
    write(twins, ".dvcignore", lines)
    for name in (
        "a", "b.tmp", "keep.tmp", "skip/x", "in/skip/y", "sub/z.log", "in/sub/z.log", "in/deep/q",
        "deep/q", "#odd", "spaced", "in/k.tmp/file", "skip.tmp/keep.tmp",
    ):  # fmt: skip
        write(twins, f"data/{name}", name.encode())
    write(twins, "top/.dvcignore", b"secret\n")
    write(twins, "top/out/secret", b"s")
    write(twins, "top/out/open", b"o")
    both(twins, "add", "data", "top/out")
    same(*twins)


def test_move(twins: tuple[Clone, Clone]) -> None:
    write(twins, "data/x", b"x")
    write(twins, "one", b"1")
    both(twins, "add", "data", "one")
    for clone in twins:
        os.makedirs(clone.path("into/deep"))
    both(twins, "move", "data", "into/moved")
    both(twins, "move", "one", "into/deep")
    same(*twins)
    assert twins[0].read("into/moved/x") == b"x"
    assert twins[0].read("into/deep/one") == b"1"
    assert "up to date" in twins[0].dvc("status")


def test_commit(twins: tuple[Clone, Clone]) -> None:
    write(twins, "data/x", b"x")
    write(twins, "one", b"1")
    both(twins, "add", "data", "one")
    write(twins, "data/y", b"y")
    write(twins, "one", b"2")
    twins[0].vfs("commit")
    twins[1].dvc("commit", "-f")
    same(*twins)
