"""The walkthrough of README.md is run as it stands there, with the real git and dvc."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vfs.testing.mounts import MountFactory
from vfs.testing.sandbox import Sandbox
from vfs.testing.walkthrough import is_as_shown, run, steps

pytestmark = [pytest.mark.fuse, pytest.mark.dvc]

README = Path(__file__).resolve().parents[2] / "README.md"
PLAIN, PACKED = "vfs remote add -d team", "vfs remote add --packed -d team"
SENT = re.compile(r"pushed \((.*?)\)")

Walk = Callable[[str], list[tuple[str, str, str]]]


@pytest.fixture
def walk(sandbox: Sandbox, mounts: MountFactory, dvc3: Path) -> Walk:
    """Runs the commands of a document; of each the command, what is shown and what was printed."""

    def walk(text: str) -> list[tuple[str, str, str]]:
        (sandbox.root / "walk").mkdir()
        programs = (str(Path(sys.executable).parent), str(dvc3.parent), os.environ["PATH"])
        shown = steps(text)
        printed = run(shown, sandbox.root / "walk", {**sandbox.environ, "PATH": ":".join(programs)})
        return [(*step, output) for step, output in zip(shown, printed, strict=True)]

    return walk


def test_the_walkthrough_is_as_shown(walk: Walk) -> None:
    done = walk(README.read_text(encoding="utf-8"))
    assert len(done) > 30
    for command, shown, printed in done:
        assert is_as_shown(shown, printed), f"$ {command}\n{printed}"


def test_the_walkthrough_with_a_packed_remote(walk: Walk) -> None:
    """The same but for sizes of pushes; the figure that README gives is that of the second version."""
    text = README.read_text(encoding="utf-8")
    assert PACKED in text
    mine = text.partition("Cleo uses")[0].replace(PLAIN, PACKED)
    sizes = []
    for command, shown, printed in walk(mine):
        sizes += SENT.findall(printed)
        assert is_as_shown(SENT.sub("pushed (…)", shown), printed), f"$ {command}\n{printed}"
    assert f"sends {sizes[-1]}." in text
