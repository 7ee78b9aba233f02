"""What a command in a private view goes on with: `persist` outs, before the view is made."""

import os

from vfs.errors import DataUnavailable
from vfs.pipeline.clearing import unprotect
from vfs.pipeline.executor import Means
from vfs.pipeline.nodes import Stage
from vfs.pipeline.written import persistent
from vfs.tracking.links import failed
from vfs.tracking.project import Project, told


def bring_persistent(project: Project, stage: Stage, means: Means) -> None:
    """Outs that a command goes on with are to be here, and no links into a cache: the view has what these lead to. Raises DataUnavailable, StoreError."""
    _bring(project, stage, means)
    paths = persistent(stage.definition.outs)
    for path in paths:
        if os.path.lexists(absolute := project.absolute(path)):
            try:
                unprotect(project, path)
            except OSError as error:
                raise failed(absolute, error) from error
    if paths:
        means.measure.forget(paths)


def _bring(project: Project, stage: Stage, means: Means) -> None:
    absent = means.measure.absent
    assert absent is not None
    paths = persistent(stage.definition.outs)
    claims = [absent.missing[path] for path in paths if path in absent.missing]
    if not claims:
        return
    from vfs.pipeline.elsewhere import bring  # with the drivers of remotes

    if not bring(project, claims):
        raise DataUnavailable(
            f"stage {stage.address()!r} goes on with {told(claims[0].out.path)}, which is recorded and cannot be had",
            hint="vfs pull says why; without it (remove its entry in dvc.lock) the stage begins anew",
        )
    absent.refresh()
