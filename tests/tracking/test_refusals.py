"""What `vfs add` refuses, and that nothing was changed then."""

import os
from collections.abc import Callable

import pytest

from tests.tracking.conftest import Clone
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


def in_git(clone: Clone) -> None:
    clone.write("data/x", b"x")
    clone.git("add", "data/x")


def overlapping(clone: Clone) -> None:
    clone.write("data/x", b"x")
    clone.vfs("add", "data/x")


def linked(clone: Clone) -> None:
    clone.write("real/x", b"x")
    os.symlink("real", clone.path("data"))


def fifo(clone: Clone) -> None:
    clone.write("data/x", b"x")
    os.mkfifo(clone.path("data/pipe"))


def not_text(clone: Clone) -> None:
    clone.write(b"data/\xff\xfe", b"x")


def dvcignore(clone: Clone) -> None:
    clone.write("data/.dvcignore", b"x")


def nested(clone: Clone) -> None:
    clone.write("data/in/.dvc/config", b"")


def broken_link(clone: Clone) -> None:
    clone.write("data/x", b"x")
    os.symlink("nowhere", clone.path("data/gone"))


def stray(clone: Clone) -> None:
    clone.write("data/x", b"x")
    clone.write("data.dvc", b"outs:\n- path: other\n")


def hidden(clone: Clone) -> None:
    clone.write("data/x", b"x")
    clone.write(".dvcignore", b"data\n")


def of_a_stage(clone: Clone) -> None:
    clone.write(
        "dvc.yaml",
        b"stages:\n  make:\n    cmd: mkdir data; echo x > data/x\n    outs:\n    - data\n",
    )
    clone.dvc("repro", "-q")


def nothing(clone: Clone) -> None:
    pass


@pytest.mark.parametrize(
    ("prepare", "code", "said"),
    [
        (in_git, 2, "git rm -r --cached data"),
        (overlapping, 2, "vfs remove data/x.dvc"),
        (linked, 2, "symlink to a directory"),
        (fifo, 16, "data/pipe"),
        (not_text, 9, "no UTF-8"),
        (dvcignore, 16, "above the data"),
        (nested, 16, "DVC repository of its own"),
        (broken_link, 16, "leads nowhere"),
        (stray, 22, "--force replaces it"),
        (hidden, 16, ".dvcignore"),
        (of_a_stage, 2, "make"),
        (nothing, 5, "there is no data"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_refusals(clone: Clone, prepare: Callable[[Clone], None], code: int, said: str) -> None:
    prepare(clone)
    before = clone.metadata()
    done = clone.vfs("add", "data", check=False)
    assert done.returncode == code, done.stderr
    assert said in done.stderr.decode()
    assert clone.metadata() == before


@pytest.mark.parametrize("name", ["data.dvc", "dvc.yaml", ".dvcignore"])
def test_what_says_what_is_tracked_is_no_data(clone: Clone, name: str) -> None:
    """A shell's `*` names pointers too."""
    clone.write("data", b"x")
    clone.vfs("add", "data")
    if not os.path.lexists(clone.path(name)):
        clone.write(name, b"")
    before = clone.metadata()
    done = clone.vfs("add", name, check=False)
    assert done.returncode == 2, done.stderr
    assert b"DVC's own" in done.stderr
    assert clone.metadata() == before


def test_outside_of_everything(clone: Clone, sandbox: Sandbox) -> None:
    assert clone.vfs("add", "../elsewhere", check=False).returncode == 2
    bare = sandbox.root / "plain"
    bare.mkdir()
    sandbox.git(bare, "init", "-q", ".")
    plain = Clone(sandbox, bare, clone._dvc)
    plain.write("data", b"x")
    refused = plain.vfs("add", "data", check=False)
    assert refused.returncode == 3
    assert b"vfs init" in refused.stderr


def test_a_directory_behind_a_symlink_is_named(clone: Clone) -> None:
    clone.write("real/x", b"x")
    clone.write("data/y", b"y")
    os.symlink("../real", clone.path("data/link"))
    done = clone.vfs("add", "data")
    assert b"data/link" in done.stderr
    assert os.path.islink(clone.path("data/link"))
    assert b"nfiles: 1" in clone.read("data.dvc")
