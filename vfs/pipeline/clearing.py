"""Getting the outs of a stage out of the way before its command runs.

Rules:

* A `persist` out stays; links into the cache become files of its own, so that a write does not reach the cache.
* What the cache has, or the lock says the stage itself made, is deleted. Anything else may be the user's: it is moved where it stays
  (`vfs.pipeline.aside`).
"""

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress

from blake3 import blake3

from vfs.errors import DataUnavailable, FormatError, StoreError, VfsError
from vfs.formats.stage_values import DeclaredOut, Locked, LockedItem
from vfs.pipeline.aside import aside_of, put_aside
from vfs.pipeline.measure import Measure, place_of
from vfs.pipeline.nodes import Stage
from vfs.sandbox.removal import remove
from vfs.tracking.caches import Caches
from vfs.tracking.compare import Forms
from vfs.tracking.links import Linker, failed
from vfs.tracking.project import Project, is_inside, told
from vfs.tracking.scan import Scanner


def clear(project: Project, stage: Stage, measure: Measure, *, uncached: bool = True) -> list[str]:
    """Clear the way; what the user should know of it.

    Args:
        project: under DVC's lock.
        stage: whose outs are in the way.
        measure: of the working tree.
        uncached: those as well that only the working tree has.

    Raises:
        StoreError: something cannot be removed or moved.
    """
    left = scratch(project, stage)
    if os.path.isdir(left):
        try:
            remove(left)
        except OSError as error:
            raise failed(left, error) from error
    outs = [out for out in stage.definition.outs if out.cached or uncached]
    return clear_outs(project, stage, measure, outs)


def clear_outs(
    project: Project, stage: Stage, measure: Measure, outs: Iterable[DeclaredOut]
) -> list[str]:
    """As `clear`, of some outs; what may be the user's is moved where it stays."""
    notes: list[str] = []
    aside = aside_of(scratch(project, stage))
    for out in outs:
        if out.path is None or not os.path.lexists(project.absolute(out.path)):
            continue
        try:
            if out.persist:
                unprotect(project, out.path)
            elif _kept(project, stage, out, measure):
                _delete(project.absolute(out.path))
            else:
                moved = _move(project, out.path, aside)
                notes.append(f"{told(out.path)}, which no cache has, was moved to {told(moved)}")
        except OSError as error:
            raise failed(project.absolute(out.path), error) from error
    measure.forget(stage.out_paths)
    return notes


def stale_outs(
    project: Project, stage: Stage, measure: Measure, run: Locked, outs: Iterable[DeclaredOut]
) -> list[DeclaredOut]:
    """Those outs of a run that are not in the working tree as it made them."""
    return [out for out in outs if not _is_here(project, stage, measure, out, run.outs[out.written])]  # fmt: skip


def _is_here(
    project: Project, stage: Stage, measure: Measure, out: DeclaredOut, item: LockedItem
) -> bool:
    place = place_of(project, stage.definition.wdir, out.written, out.path)
    if not os.path.lexists(place.absolute):
        return False
    try:
        found = measure.of(place, item.digest)
    except VfsError:
        return False  # it holds what cannot be tracked
    return (
        found is not None
        and (found.digest, found.executable) == (item.digest, item.executable)
        and (out.cached or not os.path.islink(place.absolute))
    )


def scratch(project: Project, stage: Stage) -> bytes:
    """The directory of what a run of a stage needs until it ends, absolute."""
    name = stage.definition.name or os.path.basename(stage.file).decode("utf-8", "replace")
    plain = "".join(char if char.isalnum() or char in "@-_" else "-" for char in name)[:80]
    unique = blake3(stage.file + b"\0" + stage.definition.name.encode()).hexdigest(4)
    directory = os.path.join(project.absolute(project.root), b".dvc/tmp")
    return os.path.join(directory, f"vfs-run-{plain}-{unique}".encode())


def _kept(project: Project, stage: Stage, out: DeclaredOut, measure: Measure) -> bool:
    """Whether nothing is lost with an out."""
    assert out.path is not None
    item = stage.locked.outs.get(out.written) if stage.locked else None
    place = place_of(project, stage.definition.wdir, out.written, out.path)
    try:
        found = measure.of(place, None if item is None else item.digest)
    except (DataUnavailable, FormatError):
        return False  # it holds what cannot be tracked
    if found is None:
        return True  # a symlink that leads nowhere
    if item is not None and found.digest == item.digest:
        return True
    caches = Caches(project.store)
    forms = Forms(project.top, caches)
    files = Scanner(project.top, project.root).files(out.path)
    return all(any(map(caches.has, forms.names(one))) for one in project.contents.of(files))


def _delete(absolute: bytes) -> None:
    if os.path.isdir(absolute) and not os.path.islink(absolute):
        shutil.rmtree(absolute)
    else:
        with suppress(FileNotFoundError):
            os.unlink(absolute)


def _move(project: Project, path: bytes, aside: bytes) -> bytes:
    try:
        target = put_aside(project.absolute(path), path, aside)
    except OSError as error:
        raise StoreError(
            f"{told(path)} is in the way and cannot be moved: {error.strerror}",
            hint="move it away, or add it",
        ) from error
    return os.path.relpath(target, project.top)


def unprotect(project: Project, path: bytes) -> None:
    """Links into a cache become copies, and all of it may be written. Raises OSError, StoreError."""
    top = project.absolute(path)
    caches = [os.fsencode(os.path.realpath(one)) for one in project.store.caches]
    copy = Linker(("reflink", "copy"))
    for file in list(_files(top)):
        found = os.lstat(file)
        if stat.S_ISLNK(found.st_mode):
            target = os.path.realpath(file)
            if not any(is_inside(target, cache) for cache in caches) or not os.path.isfile(target):
                continue
            found = os.stat(target)  # every symlink has all permissions
        elif not stat.S_ISREG(found.st_mode) or (found.st_nlink == 1 and found.st_mode & 0o200):
            continue
        else:
            target = file
        made = file + b".vfs-" + os.urandom(4).hex().encode()
        copy.put(os.fsdecode(target), made, executable=bool(found.st_mode & 0o100))
        os.replace(made, file)


def _files(path: bytes) -> Iterator[bytes]:
    if not os.path.isdir(path) or os.path.islink(path):
        yield path
        return
    for parent, _, names in os.walk(path):
        yield from (os.path.join(parent, name) for name in names)
