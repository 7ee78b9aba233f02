"""What a private view must not do: touch what is the user's, record what never was, lose what a command made."""

import sys
from pathlib import Path

import pytest

from tests.pipeline.conftest import Work, in_place, waiting, work

__all__ = ("in_place", "waiting", "work")


@pytest.mark.parametrize("inner", ["rm -r data; vfs checkout data", "vfs repro -s two"])
def test_vfs_works_in_a_view(work: Work, inner: str) -> None:
    work.write("data/x", "x\n")
    work.vfs("add", "data")
    path = f"export PATH={Path(sys.executable).parent}:$PATH"
    work.pipeline(
        f"  one: {{cmd: '{path}; {inner}; cat data/x > b', outs: [b]}}\n"
        "  two: {cmd: 'echo c > c', outs: [c]}\n"
    )
    said = work.vfs("repro", "-s", "one")
    assert "Invalid cross-device link" not in said


def test_status_after_a_nested_pull_deleted_nothing(work: Work) -> None:
    work.write("data/x", "x\n")
    work.vfs("add", "data")
    (work.sandbox.root / "remote").mkdir()
    work.vfs("remote", "add", "-d", "store", str(work.sandbox.root / "remote"))
    work.vfs("push")
    vfs = Path(sys.executable).parent / "vfs"
    work.pipeline(f"  one: {{cmd: '{vfs} pull data; cat data/x > b', outs: [b]}}\n")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "pipeline")
    root = work.sandbox.root / "clone"
    work.sandbox.git(work.sandbox.root, "clone", "-q", str(work.root), str(root))
    clone = Work(work.sandbox, root)
    clone.vfs("repro")
    assert "deleted" not in clone.vfs("status")
