"""Which outs revisions use."""

from collections.abc import Iterator

import pytest

from vfs.config import load_settings
from vfs.errors import UnknownPath
from vfs.sharing.used import Scope, Used, used
from vfs.testing.clones import Clone, handmade_clone
from vfs.testing.handmade import HandmadeRepository
from vfs.tracking.targets import Target
from vfs.workspace import Workspace, open_workspace


@pytest.fixture
def clone(handmade: HandmadeRepository, monkeypatch: pytest.MonkeyPatch) -> Clone:
    for name, value in handmade.sandbox.environ.items():
        monkeypatch.setenv(name, value)
    handmade.commit(directories={"data": {"a": b"1"}}, files={"one": b"x"}, tag="v1")
    handmade.commit(directories={"data": {"a": b"2"}}, files={"one": b"x"}, tag="v2")
    handmade.commit(directories={"data": {"a": b"2"}}, files={"one": b"x"}, plain={"note": b""})
    return handmade_clone(handmade, "one", cached=False)


@pytest.fixture
def workspace(clone: Clone) -> Iterator[Workspace]:
    opened = open_workspace(clone.root, load_settings(clone.root))
    yield opened
    opened.close()


def of(workspace: Workspace, scope: Scope, *targets: str) -> Used:
    named = [Target(text, text.encode()) for text in targets]
    return used(workspace, scope, named, lambda *_: None)


def test_each_out_is_used_once(workspace: Workspace) -> None:
    assert len(of(workspace, Scope()).uses) == 2
    assert len(of(workspace, Scope(("v1",))).uses) == 2
    assert len(of(workspace, Scope(("v1", "v2"))).uses) == 3
    for scope in (Scope(tags=True), Scope(commits=True)):
        found = of(workspace, scope)
        assert sorted(use.out.path for use in found.uses) == [b"data", b"data", b"one"]
    assert (
        len(of(workspace, Scope(commits=True)).selections) == 2
    )  # the last commit says nothing new


def test_a_target_that_some_revision_has_is_known(workspace: Workspace, clone: Clone) -> None:
    (clone.root / "one.dvc").unlink()
    clone.git("rm", "-q", "--cached", "one.dvc")
    assert len(of(workspace, Scope(tags=True), "one").uses) == 1
    with pytest.raises(UnknownPath, match="'one'"):
        of(workspace, Scope(), "one")
