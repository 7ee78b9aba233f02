"""A snapshot holds what `git checkout` and `dvc checkout` leave, name for name, byte for byte."""

from collections.abc import Callable

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import tree_of
from vfs.testing.builders import BUILDERS
from vfs.testing.real_repository import RepositoryCase
from vfs.testing.trees import explain, not_data


@pytest.mark.dvc
@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_every_commit_of_a_real_repository(
    name: str, opened: Open, real_repository: Callable[[str], RepositoryCase]
) -> None:
    case = real_repository(name)
    workspace = opened(case.root)
    for revision, expected in case.revisions.items():
        snapshot = workspace.snapshot(revision)
        actual = {p: n for p, n in tree_of(workspace, snapshot).items() if not not_data(p)}
        assert explain(expected, actual) == "", revision
        assert snapshot.problems == (), revision
