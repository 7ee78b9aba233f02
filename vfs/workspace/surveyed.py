"""What was found in a tree: `vfs.workspace.survey` finds it in a commit, `vfs.workspace.here` in the working tree."""

from dataclasses import dataclass

from vfs.types import Problem
from vfs.workspace.ignore import Rules
from vfs.workspace.outs import Claims
from vfs.workspace.stores import Roots


@dataclass(frozen=True, slots=True)
class Survey:
    """A tree's pointers.

    Attributes:
        claims: the outs, and what is wrong with others.
        roots: the DVC repositories they belong to.
        rules: its `.dvcignore` files.
        problems: of configurations.
        pipelines: the `dvc.yaml` files, by path; of a working tree only.
    """

    claims: Claims
    roots: Roots
    rules: Rules
    problems: tuple[Problem, ...]
    pipelines: tuple[bytes, ...] = ()
