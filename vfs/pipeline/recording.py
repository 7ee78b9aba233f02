"""What a run is recorded with: inputs before and after, outs, and the lock. Order: contents, lists, `.gitignore`, run cache, lock.

Rule: an object is on the disk before the lock names it, so a kill at any moment leaves the old lock or the new one.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vfs.errors import DataUnavailable, StageFailed, UnknownPath
from vfs.formats.lock_splice import spliced
from vfs.formats.locked import with_entries
from vfs.formats.pointer_text import Described
from vfs.formats.run_cache import cacheable
from vfs.formats.single_record import with_record
from vfs.formats.stage_values import DeclaredOut, Definition, Locked, LockedItem
from vfs.pipeline.absent import claim_of
from vfs.pipeline.checks import refusal
from vfs.pipeline.measure import Measure, place_of
from vfs.pipeline.nodes import Stage
from vfs.pipeline.parameters import Parameters, missing
from vfs.pipeline.runcache import RunCache
from vfs.pipeline.stages import lock_of
from vfs.state import OutState, Placed
from vfs.tracking import writes
from vfs.tracking.change import ignore_all, put_listing
from vfs.tracking.part import forget_gone
from vfs.tracking.project import Project, told
from vfs.tracking.record import Recorded, check_whole, record
from vfs.types import Digest
from vfs.workspace.outs import Claim

Seen = Callable[[Claim, Recorded], Recorded]
"""What is recorded of an out that was recorded before, of which perhaps not all is here."""


def inputs(project: Project, stage: Stage, measure: Measure, parameters: Parameters) -> Locked:
    """The command, deps and parameters of a stage as they are now.

    Raises:
        DataUnavailable: a dep is not there, or cannot be read.
        FormatError: a parameter is missing, or its file cannot be read.
    """
    definition = stage.definition
    locked = stage.locked
    deps: dict[str, LockedItem] = {}
    for dep in definition.deps:
        old = locked.deps.get(dep.written) if locked else None
        if dep.at_url:
            deps[dep.written] = _at_url(project, stage, dep.written)
            continue
        place = place_of(project, definition.wdir, dep.written, dep.path)
        found = measure.dep(place, old.digest if old else None)
        if found is None:
            raise DataUnavailable(
                f"{_who(stage)} needs {dep.written}, which is not there",
                hint="vfs checkout or vfs pull brings it, if it is tracked",
            )
        if found.size is None and old is not None and old.digest == found.digest:
            found = found._replace(size=old.size)
        if found.size is None:
            found = found._replace(size=measure.size(place))
        deps[dep.written] = item(dep.written, found)
    values: dict[str, Mapping[str, Any]] = {}
    for params in definition.params:
        known = parameters.values(definition, params)
        if known is None:
            raise DataUnavailable(f"{_who(stage)} needs {params.written}, which is not there")
        error = missing(params, known)
        if error is not None:
            raise refusal(stage, error.message)
        values[params.written] = known
    return Locked(definition.command, deps, values)


def _at_url(project: Project, stage: Stage, url: str) -> LockedItem:
    from vfs.pipeline.urls import item_at  # with the drivers of remotes

    found = item_at(project, stage.file, url)
    if found is None:
        raise DataUnavailable(f"{_who(stage)} needs {url}, where nothing lies")
    return found


def changed(before: Locked, after: Locked) -> str:
    """A dep or file of parameters that differs; "" if none does."""
    for written, item in after.deps.items():
        old = before.deps.get(written)
        if old is None or not old.same(item):
            return written
    for written, values in after.params.items():
        if dict(before.params.get(written) or {}) != dict(values):
            return written
    return ""


def differing(stage: Stage, run: Locked) -> list[str] | None:
    """The outs that a run made otherwise than the record of the stage says, as written; None: it has no record of one."""
    recorded = stage.locked.outs if stage.locked is not None else {}
    pairs = [(recorded.get(written), made) for written, made in run.outs.items()]
    if any(old is None or old.digest is None for old, _ in pairs):
        return None
    return [
        made.written
        for old, made in pairs
        if old is not None and (old.digest, old.executable) != (made.digest, made.executable)
    ]


def outs(project: Project, stage: Stage, seen: Seen | None = None) -> dict[str, LockedItem]:
    """Take the outs of a stage from the working tree into the cache, and on the disk.

    Args:
        project: under DVC's lock.
        stage: it.
        seen: asked about each out; None: a command made all of them just now.

    Raises:
        StageFailed: one is not there.
        DataUnavailable, UnsafePath: one cannot be read, or not be tracked.
        StoreFull, StoreError: the cache cannot be written.
        VfsError: as `seen`.
    """
    keep = cacheable(stage.definition)
    found: dict[str, LockedItem] = {}
    listings: list[Recorded] = []
    for out in stage.definition.outs:
        assert out.path is not None  # or the graph was refused
        old = stage.locked.outs.get(out.written) if stage.locked else None
        stored = out.cached or keep
        try:
            recorded = record(project, out.path, old.digest if old else None, store=stored)
        except UnknownPath:
            raise not_made(stage, out) from None
        if seen is not None and old is not None and old.digest is not None:
            recorded = _sized(seen(claim_of(stage, out, old), recorded), old.digest, old.size)
        if stored:
            listings.append(recorded)
        found[out.written] = item(out.written, recorded.content)
    put_listings(project, listings)
    return found


def whole(project: Project, claim: Claim, recorded: Recorded) -> Recorded:
    """Refuse to drop what never was here. Raises as `check_whole`."""
    check_whole(project, claim, recorded)
    return recorded


def _sized(recorded: Recorded, digest: Digest, size: int | None) -> Recorded:
    """What was recorded before has the size that it had; of what is not here nobody knows it."""
    content = recorded.content
    if content.size is None and content.digest == digest:
        return recorded._replace(content=content._replace(size=size))
    return recorded


def put_listings(project: Project, found: Sequence[Recorded]) -> None:
    """Bring what is in the cache to the disk, and then the lists of it. Raises StoreFull, StoreError."""
    project.cache.sync()
    directories = [one for one in found if one.listing is not None]
    for one in directories:
        assert one.listing is not None
        put_listing(project.cache, one.content.digest, one.listing)
    if directories:
        project.cache.sync()


def not_made(stage: Stage, out: DeclaredOut) -> StageFailed:
    """An out is not there after the command, or is to be recorded without one."""
    if stage.definition.frozen:
        return StageFailed(
            f"{_who(stage)} is frozen, so it does not run, and {out.written} is not there",
            hint="vfs checkout or vfs pull brings it, if it is recorded; vfs unfreeze lets the stage run",
        )
    return StageFailed(
        f"{_who(stage)} did not make {out.written}",
        hint="correct its command, or the outs in " + told(stage.file),
    )


def item(written: str, found: Described) -> LockedItem:
    """What a lock says of something."""
    return LockedItem(
        written, found.digest, found.is_tree, found.size, found.nfiles, found.executable
    )


def settle(
    project: Project,
    stage: Stage,
    run: Locked,
    locks: dict[bytes, bytes],
    *,
    cache: bool,
    here: bool,
) -> list[bytes]:
    """Record a run whose outs are in the cache and in the working tree; the files that Git is to take.

    Args:
        project: under DVC's lock.
        stage: that ran.
        run: what it had and made.
        locks: what was written so far, by path: such a lock need not be read again, as long as it is the same.
        cache: put it into the run cache, if it may be there.
        here: cached outs are in the working tree.

    Raises:
        FormatError: the lock is none.
        StoreFull, StoreError: something cannot be written.
    """
    definition = stage.definition
    cached = [out.path for out in definition.outs if out.cached and out.path is not None]
    written = ignore_all(project, cached)
    if cache and cacheable(definition):
        RunCache(project.cache.directory).save(run)
    written += _write_lock(project, definition, run, locks)
    state = OutState(project.table)
    for out in definition.outs:
        known = run.outs[out.written]
        if not here or not out.cached or out.path is None or known.digest is None:
            continue
        absolute = project.absolute(out.path)
        if os.path.lexists(absolute):  # what a worker made may not have come
            forget_gone(project.state, absolute, out.path, tuple)
            state.note(out.path, Placed(known.digest, known.is_tree, b"", True))
    return written


def _write_lock(
    project: Project, definition: Definition, run: Locked, locks: dict[bytes, bytes]
) -> list[bytes]:
    """Write the entry of a stage, if it is another one; the file if it was written."""
    if not definition.name:
        file = definition.file
        text = writes.read(project.absolute(file)) or b""
        return _write(project, file, text, with_record(text, told(file), run))
    path = lock_of(definition.file)
    old = writes.read(project.absolute(path))
    new = None
    if old is not None and locks.get(path) == old:
        new = spliced(old, definition.name, run)
    new = new or with_entries(old, told(path), {definition.name: run})
    if new is not None:
        locks[path] = new
    return _write(project, path, old, new)


def _write(project: Project, path: bytes, old: bytes | None, new: bytes | None) -> list[bytes]:
    if new is None or new == old:
        return []
    project.write(path, new)
    return [path]


def _who(stage: Stage) -> str:
    return f"stage {stage.address()!r}"
