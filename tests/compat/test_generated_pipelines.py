"""Generated pipelines and edits beside the real dvc: the same stages are judged and run, and each takes up what the other recorded."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.compat.pipeline_pair import Pair
from tests.compat.pipeline_strategies import edits, pipelines, write
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]
SOAK = 60 if os.environ.get("VFS_TEST_SOAK") else 1
EDITS = 2


@pytest.mark.soak
@given(data=st.data())
@settings(max_examples=2 * SOAK, deadline=None, phases=(Phase.explicit, Phase.generate))
def test_in_place(data: st.DataObject, shared_sandbox: Sandbox, template: Path, dvc3: Path) -> None:
    _beside_dvc(data, shared_sandbox, template, dvc3, in_place=True)


@given(data=st.data())
@settings(max_examples=2 * SOAK, deadline=None, phases=(Phase.explicit, Phase.generate))
def test_in_private_views(
    data: st.DataObject, shared_sandbox: Sandbox, template: Path, dvc3: Path
) -> None:
    _beside_dvc(data, shared_sandbox, template, dvc3, in_place=False)


def _beside_dvc(
    data: st.DataObject, sandbox: Sandbox, template: Path, dvc: Path, *, in_place: bool
) -> None:
    """No smaller example is looked for: each takes seconds."""
    base = Path(tempfile.mkdtemp(prefix="generated-", dir=sandbox.root))
    pair = Pair(sandbox, dvc, base, template, in_place=in_place)
    stages = data.draw(pipelines())
    pair.both(lambda root: write(stages, root))
    for step in range(EDITS + 1):
        pair.compare_status(pair.ours)
        pair.compare_plan(pair.ours)
        answer = pair.dvc(pair.theirs, "repro", check=False)
        if answer.returncode:  # a parameter is gone
            pair.vfs(pair.ours, "repro", code=9 if b"missing" in answer.stderr else 16)
            break
        pair.vfs(pair.ours, "repro")
        pair.compare_records()
        for root in pair.roots:  # each takes up what the other recorded
            pair.compare_status(root)
        if step < EDITS:
            pair.both(data.draw(edits(stages, in_place=in_place)).make(stages))
    shutil.rmtree(base)
