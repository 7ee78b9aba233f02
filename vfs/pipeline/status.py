"""What `vfs status` says of stages: which would run, and why.

Rule: takes no lock and writes fingerprints only. What cannot be used is a problem; the other stages are judged all the same.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vfs.errors import UnknownPath, VfsError
from vfs.pipeline.changed import Judge, Reason
from vfs.pipeline.checks import problems
from vfs.pipeline.graph import Graph
from vfs.pipeline.measure import Measure
from vfs.pipeline.nodes import Stage
from vfs.pipeline.parameters import Parameters
from vfs.pipeline.stages import Tree, tree_of
from vfs.pipeline.targets import meant
from vfs.state import StateTable
from vfs.tracking.project import project_of
from vfs.tracking.status import Report
from vfs.tracking.targets import Target
from vfs.types import Problem
from vfs.workspace.outs import problem_of
from vfs.workspace.surveyed import Survey

if TYPE_CHECKING:
    from vfs.workspace import Workspace


@dataclass(slots=True)
class Meant:
    """The stages that a command line means.

    Attributes:
        tree: they are of.
        stages: in their order.
        met: targets that mean stages.
        problems: files and stages that cannot be used.
    """

    tree: Tree
    stages: list[Stage]
    met: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


class Judged(NamedTuple):
    """A stage that would run.

    Attributes:
        stage: it.
        reasons: why.
    """

    stage: Stage
    reasons: list[Reason]


def stages_meant(
    root: Path, survey: Survey, targets: Sequence[Target], here: bytes, *, glob: bool
) -> Meant:
    """The stages that targets mean; without any, all of them."""
    tree = tree_of(root, survey)
    graph = Graph(tree.nodes)
    wrong = [problem_of(error, os.fsencode(error.file)) for error in tree.errors]
    wrong += [problem_of(error, os.fsencode(error.file)) for error in problems(graph)]
    if not targets:
        return Meant(tree, tree.stages, set(), wrong)
    found: dict[Stage, None] = {}
    met: set[str] = set()
    for target in targets:
        with suppress(UnknownPath):
            nodes = meant(graph, [target], here, glob=glob)
            named = [node for node in nodes if isinstance(node, Stage)]
            found.update(dict.fromkeys(named))
            met.update([target.text] if named else [])
    return Meant(tree, list(found), met, wrong)


def judged(
    root: Path,
    survey: Survey,
    table: StateTable,
    among: Meant,
    report: Report,
    open_workspace: Callable[[], "Workspace"],
) -> list[Judged]:
    """Those stages that would run.

    Args:
        root: the working tree.
        survey: of it.
        table: of it.
        among: the stages to look at; told what is wrong.
        report: what was found of outs, which is not looked at again.
        open_workspace: for stages with deps at URLs.

    Raises:
        StoreError: the table cannot be used.
    """
    known = {one.use.out.path: one for one in report.outs if one.use.wanted.inside is None}
    top = os.fsencode(root).rstrip(b"/")
    changed: list[Judged] = []
    by_root: dict[bytes, list[Stage]] = {}
    for stage in among.stages:
        by_root.setdefault(survey.roots.root_of(stage.file), []).append(stage)
    for inner, stages in by_root.items():
        with project_of(top, inner, survey, table, open_workspace, _silent) as project:
            judge = Judge(project, Measure(project), Parameters(project), known)
            judge.warm(stages)
            for stage in stages:
                try:
                    reasons = judge.reasons(stage)
                except VfsError as error:
                    reasons = [Reason("unknown", change=error.message)]
                if reasons:
                    changed.append(Judged(stage, reasons))
    return changed


def _silent(stage: str, done: int, total: int | None) -> None:
    """Progress that nobody asked for."""
