"""What a worker made, into the working tree.

Rules:

* An out that is not as it was made is replaced (`vfs.pipeline.clearing`). A `persist` directory stays: its files are brought to the new state, and what a
  `.dvcignore` hides in it is the user's, as when the command had run here.
* Where such a directory has to go all the same, it is moved aside if anything untracked lies in it.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from vfs.formats.stage_values import DeclaredOut, Locked
from vfs.pipeline.aside import aside_of, put_aside
from vfs.pipeline.clearing import clear_outs, scratch, stale_outs
from vfs.pipeline.executor import Means
from vfs.pipeline.nodes import Stage
from vfs.tracking.links import failed
from vfs.tracking.project import Project, told


def put_in_place(
    project: Project,
    stage: Stage,
    means: Means,
    run: Locked,
    stale: Sequence[DeclaredOut],
    wanted: Collection[DeclaredOut],
) -> list[str]:
    """Bring outs to their places; what the user should know of it.

    Args:
        project: under DVC's lock.
        stage: that ran.
        means: of its room.
        run: what it made.
        stale: outs that are not as it made them.
        wanted: those of them that are to be here, whose contents the cache has.

    Raises:
        DataUnavailable: something here cannot be read.
        StoreFull, StoreError: the working tree cannot be written, or something untracked is in the way.
    """
    stay = [out for out in stale if out in wanted and _is_directory(project, out) and run.outs[out.written].is_tree]  # fmt: skip
    go = [out for out in stale if out not in stay]
    aside = aside_of(scratch(project, stage))
    moved: list[bytes] = []
    try:
        for out in stay:
            known = _is_recorded(project, stage, means, out)
            moved += means.restorer.update(run, out, aside, known=known)
        for out in go:
            if _is_directory(project, out) and _has_others(project, out):
                assert out.path is not None
                put_aside(project.absolute(out.path), out.path, aside)
                moved.append(out.path)
    except OSError as error:
        raise failed(aside, error) from error
    free = [replace(out, persist=False) for out in go]
    notes = clear_outs(project, stage, means.measure, free)
    means.restorer.restore(run, [out for out in go if out in wanted])
    where = told(os.path.relpath(aside, project.top))
    return [f"{told(path)}, which no cache has, was moved to {where}/{told(path)}" for path in moved] + notes  # fmt: skip


def _is_directory(project: Project, out: DeclaredOut) -> bool:
    """Whether the command would have found a directory."""
    assert out.path is not None
    absolute = project.absolute(out.path)
    return out.persist and os.path.isdir(absolute) and not os.path.islink(absolute)


def _is_recorded(project: Project, stage: Stage, means: Means, out: DeclaredOut) -> bool:
    """Whether what lies there now is what the lock says."""
    locked = stage.locked
    if locked is None or out.written not in locked.outs:
        return False
    assert out.path is not None
    means.measure.forget([out.path])
    return not stale_outs(project, stage, means.measure, locked, [out])


def _has_others(project: Project, out: DeclaredOut) -> bool:
    """Whether anything lies in a directory that is not tracked with it."""
    assert out.path is not None
    tracked = {project.absolute(file.path) for file in project.scanner().files(out.path)}
    return any(path not in tracked for path in _all_below(project.absolute(out.path)))


def _all_below(directory: bytes) -> Iterator[bytes]:
    for parent, directories, files in os.walk(directory):
        links = (name for name in directories if os.path.islink(os.path.join(parent, name)))
        yield from (os.path.join(parent, name) for name in (*files, *links))
