"""Generated pipelines and edits beside the real dvc: the same stages are judged and run, and each takes up what the other recorded."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.compat.pipeline_pair import Pair
from tests.compat.pipeline_strategies import ITEMS, Pipeline, bodies, edits, pipelines, write
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


@given(data=st.data())
@settings(max_examples=1 * SOAK, deadline=None, phases=(Phase.explicit, Phase.generate))
def test_in_a_clone_with_a_part(
    data: st.DataObject, shared_sandbox: Sandbox, template: Path, dvc3: Path
) -> None:
    """What dvc decides and records with all of the data here, vfs does with a part."""
    sandbox, base = (
        shared_sandbox,
        Path(tempfile.mkdtemp(prefix="cloned-", dir=shared_sandbox.root)),
    )
    origin = Pair(sandbox, dvc3, base / "origin", template)
    stages = data.draw(pipelines())
    write(stages, origin.ours)
    origin.vfs(origin.ours, "repro")
    origin.vfs(origin.ours, "remote", "add", "-d", "store", str(base / "remote"))
    origin.vfs(origin.ours, "push")
    sandbox.git(origin.ours, "add", "-A")
    sandbox.git(origin.ours, "commit", "-q", "-m", "published")
    pair = Pair(sandbox, dvc3, base, origin.ours, clones=True)
    pair.dvc(pair.theirs, "pull", "-q")
    tracked = sorted(
        str(path.relative_to(pair.theirs))
        for place in ("data", *_outs(stages))
        for path in (pair.theirs / place).rglob("*")
        if path.is_file() and not sandbox.git(pair.theirs, "ls-files", str(path))
    )
    here = data.draw(st.lists(st.sampled_from(tracked), unique=True, max_size=3))
    if here:
        pair.vfs(pair.ours, "pull", *here)
    pair.vfs(pair.ours, "repro", "--dry-run")  # which brings lists; a status asks no remote
    for step in range(EDITS):
        pair.compare_status(pair.ours, beside=pair.theirs)
        pair.both(data.draw(edits(stages, in_place=False, part=True)).make(stages))
        answer = pair.dvc(pair.theirs, "repro", check=False)
        if answer.returncode:  # a parameter is gone
            pair.vfs(pair.ours, "repro", code=9 if b"missing" in answer.stderr else 16)
            break
        pair.vfs(pair.ours, "repro", *(["-f"] if step else []))
        pair.compare_records(part=True)
    shutil.rmtree(base)


def _outs(stages: Pipeline) -> list[str]:
    return [
        (out if isinstance(out, str) else next(iter(out))).removeprefix("../").replace("${item}", item)
        for stage in bodies(stages).values()
        for out in stage["outs"]
        for item in ITEMS
    ]  # fmt: skip


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
