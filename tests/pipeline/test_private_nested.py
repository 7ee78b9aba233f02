"""vfs in commands that run in a private view: it works in the view, and the working tree knows nothing of it."""

import sys
from pathlib import Path

import pytest

from tests.pipeline.conftest import Work, without_data

PATH = f"export PATH={Path(sys.executable).parent}:$PATH"


@pytest.mark.parametrize("inner", ["rm -r data; vfs checkout data", "vfs repro -s two; cp c c2"])
def test_what_is_made_is_made_in_the_view(work: Work, inner: str) -> None:
    work.write("data/x", "x\n")
    work.vfs("add", "data")
    work.pipeline(
        f"  one: {{cmd: '{PATH}; {inner}; cat data/x > b', deps: [data/x], outs: [b]}}\n"
        "  two: {cmd: 'echo c > c', outs: [c]}\n"
    )
    work.vfs("repro", "-s", "one")
    assert work.read("b") == "x\n"
    assert not (work.root / "c").exists()
    assert not (work.root / "c2").exists()
    assert "deleted" not in work.vfs("status", "data")


def test_a_pull_of_what_is_seen_says_nothing_of_the_tree(work: Work) -> None:
    clone = without_data(
        work, f"  one: {{cmd: '{PATH}; vfs pull data; cat data/x > b', outs: [b]}}\n"
    )
    clone.vfs("repro")
    assert clone.read("b") == "data\n"
    assert "deleted" not in clone.vfs("status")
