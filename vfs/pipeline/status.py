"""What `vfs status` says of stages: which would run, and why.

Rule: takes no lock and writes fingerprints only. What cannot be used is a problem; the other stages are judged all the same. What never was
here counts as it is recorded, as it does for `vfs repro`; remotes are only asked where that is wanted.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vfs.errors import DataUnavailable, UnknownPath, VfsError
from vfs.pipeline.absent import NotHere
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
    open_workspace: Callable[[], "Workspace"] | None,
) -> list[Judged]:
    """Those stages that would run.

    Args:
        root: the working tree.
        survey: of it.
        table: of it.
        among: the stages to look at; told what is wrong.
        report: what was found of outs, which is not looked at again.
        open_workspace: remotes and storages of deps are asked; None: what is recorded of them is believed.

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
        opener = _no_workspace if open_workspace is None else open_workspace
        with project_of(top, inner, survey, table, opener, _silent) as project:
            measure = Measure(project, NotHere(project, deleted=False))
            judge = Judge(
                project,
                measure,
                Parameters(project, measure),
                known,
                checkout=False,
                ask=open_workspace is not None,
            )
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


def _no_workspace() -> "Workspace":
    raise DataUnavailable(
        "it depends on a part of what is not here, which no cache tells (vfs fetch and vfs repro bring it)"
    )
