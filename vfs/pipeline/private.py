"""Stages in a private view of the working tree: an `Executor` (docs/pipelines.md, "The private view").

Rules:

* Nothing in the working tree is touched before the command ended well and its outs are in the cache; but `persist` outs are brought, and are no links into a
  cache, before it begins (`vfs.pipeline.going_on`), and are changed when the others are in the cache.
* What is recorded and not here is seen through one mount for all stages (`Lower`), which is made when the first stage needs it.
* A stage whose outs are reached through a symlink runs in the working tree: a view would not hold them.
* Where there can be no private view, a stage of which all is here runs in the working tree, and says so once; another one is refused.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from vfs.errors import StoreError
from vfs.pipeline import scratches
from vfs.pipeline.clearing import scratch
from vfs.pipeline.executor import InPlace, Means, Room
from vfs.pipeline.lower import Lower, Views
from vfs.pipeline.nodes import Stage
from vfs.tracking.materialise import check_parents
from vfs.tracking.project import Project, told


class Private:
    """Makes private views."""

    lazy = True
    jobs = 1

    def __init__(self, lower: Lower, *, keep: bool = False, passing: bool = False) -> None:
        """As `Views`."""
        self._views = Views(lower, keep=keep, passing=passing)

    @contextmanager
    def room(self, project: Project, stage: Stage, means: Means) -> Iterator[Room]:
        """A view for a stage; raises as `Executor.room`."""
        from vfs.pipeline.going_on import bring_persistent  # if anything runs
        from vfs.pipeline.private_room import PrivateRoom

        link = next((p for p in stage.out_paths if through_link(project, p)), None)
        if link is not None:
            assert means.measure.absent is not None
            means.measure.absent.check_here(stage, counted=True)
            with InPlace().room(project, stage, means) as here:
                here.notes.append(
                    f"stage {stage.address()!r} runs in the working tree: a symlink leads to its out {told(link)}"
                )
                yield here
            return
        scratches.sweep(os.path.dirname(scratch(project, stage)))
        bring_persistent(project, stage, means)
        made = PrivateRoom(self._views, project, stage, means)
        try:
            yield made
        finally:
            made.close()


def through_link(project: Project, path: bytes) -> bool:
    """Whether what is written to a path would be written elsewhere, perhaps outside of the view."""
    try:
        check_parents(project.top, path)
    except StoreError:
        return True
    return False
