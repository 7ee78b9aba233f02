"""What a command goes on with and no cache keeps: `persist` outs with `cache: false`.

Rule: such an out goes by Git, which may make something else of it (line ends, filters, repositories inside of it). So both sides measure it before
the command, as they do deps.
"""

from collections.abc import Mapping

from vfs.formats.stage_values import LockedItem
from vfs.pipeline.measure import Measure, place_of
from vfs.pipeline.nodes import Stage
from vfs.pipeline.recording import item
from vfs.pipeline.written import persistent
from vfs.tracking.project import Project

Going = Mapping[str, LockedItem | None]
"""By path as written; None: nothing is there."""


def plain_persistent(stage: Stage) -> list[bytes]:
    """Their paths."""
    return persistent(out for out in stage.definition.outs if not out.cached)


def going_on(project: Project, stage: Stage, measure: Measure) -> Going:
    """What is there now. Raises DataUnavailable, UnsafePath: it cannot be tracked."""
    definition = stage.definition
    measure.forget(plain_persistent(stage))
    found: dict[str, LockedItem | None] = {}
    for out in definition.outs:
        if not out.persist or out.cached:
            continue
        place = place_of(project, definition.wdir, out.written, out.path)
        old = stage.locked.outs.get(out.written) if stage.locked else None
        here = measure.of(place, old.digest if old else None)
        found[out.written] = None if here is None else item(out.written, here)
    return found


def other(here: Going, there: Going) -> str:
    """One that differs, executable bit included; "" if none does."""
    for written, mine in here.items():
        theirs = there.get(written)
        if mine is None or theirs is None:
            if mine is not theirs:
                return written
        elif not mine.same(theirs) or mine.executable != theirs.executable:
            return written
    return ""
