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
    wanted = [claim for claim in absent.around(paths) if claim.out.path in paths]
    claims = [claim for claim in wanted if claim.out.path in absent.missing]
    parts = [(one, part) for one in wanted if one not in claims and (part := absent.part(one))]
    parts = [(claim, part) for claim, part in parts if part.unseen]
    if not claims and not parts:
        return
    from vfs.pipeline.elsewhere import bring, bring_parts  # with the drivers of remotes

    brought = not claims or bring(project, claims)
    for claim, part in parts:
        brought = brought and bring_parts(project, claim, (path for path, _ in part.unseen))
    if not brought:
        out = (claims or [claim for claim, _ in parts])[0].out
        raise DataUnavailable(
            f"stage {stage.address()!r} goes on with {told(out.path)}, which is recorded and cannot be had",
            hint="vfs pull says why; without it (remove its entry in dvc.lock) the stage begins anew",
        )
    absent.refresh()
