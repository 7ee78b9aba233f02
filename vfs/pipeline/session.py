"""The pipelines of a DVC repository, opened: verbs begin here.

    with opened(root, open_workspace, here, progress) as session:
        graph = session.graph()          # refused if it cannot be run

It takes no lock: `Runner` does, step by step.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vfs.errors import UsageError
from vfs.git.here import git_directories
from vfs.mount_table import is_on, mounts_below
from vfs.pipeline.checks import check
from vfs.pipeline.graph import Graph
from vfs.pipeline.stages import Tree, tree_of
from vfs.state import own_table, spare_table
from vfs.tracking.contents import Progress
from vfs.tracking.project import Project, find_root, project_of
from vfs.workspace.here import survey_here

if TYPE_CHECKING:
    from vfs.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Session:
    """What was opened.

    Attributes:
        root: the working tree.
        project: the DVC repository in it.
        tree: its stages and sources.
    """

    root: Path
    project: Project
    tree: Tree

    def graph(self) -> Graph:
        """The graph of all stages and sources.

        Raises:
            FormatError: a file cannot be used, or the stages are no pipeline.
        """
        graph = self.tree.graph()
        check(graph)
        return graph


@contextmanager
def opened(
    root: Path,
    open_workspace: Callable[[], "Workspace"],
    here: bytes,
    progress: Progress,
    *,
    looks: bool = False,
) -> Iterator[Session]:
    """Open the DVC repository that a directory lies in.

    Args:
        root: of the Git repository.
        open_workspace: opens it, at the second call too the same one.
        here: the directory, of the repository.
        progress: told (stage, done, total), from any thread.
        looks: nothing is written; a disk that takes nothing is no matter.

    Raises:
        UsageError: there is no working tree, or the directory is on a mount.
        NotARepository: there is no DVC repository.
        StoreError: Git cannot list its files, or the state cannot be opened.
    """
    if not (root / ".git").exists():
        raise UsageError(f"{root} has no working tree", hint="clone it first")
    top = os.fsencode(root).rstrip(b"/")
    if is_on(here, mounts_below(top)):
        raise UsageError("this directory is on a mount of vfs, which is read-only")
    inner = find_root(top, here + b"/." if here else b".")
    survey = survey_here(root)
    tree = tree_of(root, survey)
    tree.nodes = [node for node in tree.nodes if survey.roots.root_of(node.file) == inner]
    git = git_directories(root)[0]
    table = spare_table(git) if looks else own_table(top, git)
    with (
        table as known,
        project_of(top, inner, survey, known, open_workspace, progress) as project,
    ):
        yield Session(root, project, tree)
