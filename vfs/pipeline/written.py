"""The outs that a command made in a private view, into the cache.

Rules:

* They are moved out of the upper layer first, so that what is left there is what nobody declared.
* A file of a cached out is renamed into the cache: no second copy. One that has another name, or lies on another file system, is copied.
* `.dvcignore` files are those of the working tree. A symlink in an out is replaced by what it led to in the view (`vfs.pipeline.leading`).
* What lies behind a symlink that the command made is not the stage's: an out there is refused.
* A `persist` out was partly in the working tree, and stays: what the command changed of it is changed there. What was written there meanwhile is not lost.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields

from vfs.errors import DataUnavailable, StageFailed, UnknownPath
from vfs.formats.run_cache import cacheable
from vfs.formats.stage_values import DeclaredOut, LockedItem
from vfs.objects import Fingerprint
from vfs.pipeline.aside import put_aside
from vfs.pipeline.leading import Layers, above, is_there, resolve
from vfs.pipeline.nodes import Stage
from vfs.pipeline.recording import item, not_made, put_listings
from vfs.sandbox.changes import Change, Kind, What, strip
from vfs.sandbox.removal import remove
from vfs.sandbox.view import View
from vfs.state import FileState
from vfs.state.files import Known
from vfs.tracking.contents import Contents
from vfs.tracking.links import failed
from vfs.tracking.project import Project
from vfs.tracking.record import Recorded, record
from vfs.tracking.scan import Scanner
from vfs.types import Algorithm, Digest


def move_outs(stage: Stage, layers: Layers) -> None:
    """Move the outs out of the upper layer.

    Raises:
        StageFailed: one was not made, or lies behind a symlink; nothing was moved.
        StoreError: one cannot be moved.
    """
    for out in stage.definition.outs:
        if any(os.path.islink(os.path.join(layers.upper, one)) for one in above(out.path or b"")):
            raise StageFailed(
                f"stage {stage.address()!r} made a symlink that leads to {out.written}, and what lies behind it is not its own",
                hint="let its command make the directory, or declare the out where it lies",
            )
    outs = [out for out in stage.definition.outs if not out.persist and out.path is not None]
    for out in outs:
        if not is_there(layers.upper, out.path or b""):
            raise not_made(stage, out)
    for out in outs:
        assert out.path is not None
        source, target = (os.path.join(top, out.path) for top in (layers.upper, layers.made))
        try:
            open_up(source)
            strip(source)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.rename(source, target)
        except OSError as error:
            raise failed(source, error) from error


def take(
    project: Project, stage: Stage, layers: Layers, go_on: Callable[[], None]
) -> dict[str, LockedItem]:
    """Take the outs into the cache, on the disk; raises as `go_on` and `recording.outs`.

    Args:
        project: whose they are; `persist` ones are read in its working tree.
        stage: whose they are.
        layers: that they were moved in.
        go_on: changes `persist` outs in the working tree, when all others are in the cache.
    """
    keep = cacheable(stage.definition)
    found: dict[str, LockedItem] = {}
    stored: list[Recorded] = []
    for path in stage.out_paths:
        resolve(project.top, path, layers)

    def one(out: DeclaredOut, where: Project, *, store: bool) -> None:
        assert out.path is not None  # or the graph was refused
        old = stage.locked.outs.get(out.written) if stage.locked else None
        try:
            recorded = record(where, out.path, old.digest if old else None, store=store)
        except UnknownPath:
            raise not_made(stage, out) from None
        if out.cached and not out.persist:
            _adopt(where, out.path, recorded)
        if out.cached or keep:
            stored.append(recorded)
        found[out.written] = item(out.written, recorded.content)

    outs = stage.definition.outs
    with _reading(project, layers.made) as made:
        for out in outs:
            if not out.persist:
                one(out, made, store=keep and not out.cached)
        go_on()
        for out in outs:
            if out.persist:
                one(out, project, store=out.cached or keep)
        put_listings(project, stored)
    return {out.written: found[out.written] for out in outs}


def apply(project: Project, changes: Iterable[Change], view: View, aside: bytes) -> Iterator[bytes]:
    """Change the working tree as a command did. Gives the paths that were written there since it began: those are moved to `aside`. Raises StoreError."""
    modes: list[tuple[bytes, int]] = []
    for change in changes:
        source, target = os.path.join(view.upper, change.path), project.absolute(change.path)
        try:
            if _in_the_way(change, target) and _newer(target, view.since):
                put_aside(target, change.path, aside)
                yield change.path
            _apply(change, source, target)
        except OSError as error:
            raise failed(target, error) from error
        if change.kind is Kind.DIRECTORY and change.what is not What.DELETED:
            modes.append((target, change.mode))
    for target, mode in reversed(modes):  # now that all is in them
        try:
            os.chmod(target, mode)
        except OSError as error:
            raise failed(target, error) from error


def _in_the_way(change: Change, target: bytes) -> bool:
    """Whether what lies at a path has to go."""
    if change.kind is Kind.DIRECTORY and change.what is not What.DELETED:
        return not _is_directory(target)
    return change.what is not What.MODE


def _newer(path: bytes, since: int) -> bool:
    """Whether something was written at a path since; what the cache has may get another name meanwhile."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        return found.st_mtime_ns > since
    if found.st_ctime_ns > since:
        return True
    return stat.S_ISDIR(found.st_mode) and any(
        _newer(os.path.join(path, name), since) for name in os.listdir(path)
    )


def _apply(change: Change, source: bytes, target: bytes) -> None:
    if _in_the_way(change, target) and os.path.lexists(target):
        if _is_directory(target):
            remove(target)
        else:
            os.unlink(target)
    if change.what is What.DELETED:
        return
    if change.kind is Kind.DIRECTORY:
        os.makedirs(target, exist_ok=True)
        os.chmod(target, change.mode | stat.S_IRWXU)
    elif change.what is What.MODE:
        os.chmod(target, change.mode)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        strip(source)
        shutil.move(os.fsdecode(source), os.fsdecode(target))  # in a view it is another mount


def _is_directory(path: bytes) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def open_up(path: bytes) -> None:
    """Directories may be written: nobody records what they allow, and files are moved out of them. Raises OSError."""
    if not _is_directory(path):
        return
    os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | stat.S_IRWXU)
    for _, names, _, number in os.fwalk(path):
        for name in names:
            mode = os.stat(name, dir_fd=number, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
                os.chmod(name, stat.S_IMODE(mode) | stat.S_IRWXU, dir_fd=number)


def _adopt(made: Project, path: bytes, recorded: Recorded) -> None:
    """Rename what was hashed into the cache."""
    cache = made.cache
    os.makedirs(cache.directory, exist_ok=True)
    device = os.stat(cache.directory).st_dev
    if recorded.listing is None:
        files: list[tuple[bytes, Digest]] = [(path, recorded.content.digest)]
    else:
        files = [(path + b"/" + name, digest) for name, digest in recorded.entries]
    for file, digest in files:
        absolute = made.absolute(file)
        found = os.lstat(absolute)
        if cache.trusted(digest, size=found.st_size):
            continue
        alone = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_dev == device
        if alone and cache.adopt(absolute, digest, found.st_mtime_ns):
            continue
        if cache.ingest(absolute, digest.algorithm, follow=True).digest != digest:
            raise DataUnavailable(
                f"{os.fsdecode(file)} changed after the command ended",
                hint="let it wait for what it starts",
            )


@dataclass(frozen=True, slots=True)
class _Made(Project):
    """Outs that lie elsewhere, under the rules of the working tree."""

    rules: bytes

    def scanner(self) -> Scanner:
        """A walk of them."""
        return Scanner(self.top, self.root, frozenset(), rules=self.rules)


@contextmanager
def _reading(project: Project, made: bytes) -> Iterator[Project]:
    values = {one.name: getattr(project, one.name) for one in fields(project)}
    with Contents(made, _Nothing()) as contents:
        yield _Made(**{**values, "top": made, "contents": contents}, rules=project.top)


class _Nothing(FileState):
    """Remembers nothing: what was made did not lie in the working tree."""

    def __init__(self) -> None:
        pass

    def digests(
        self, files: Sequence[tuple[bytes, Fingerprint]], algorithm: Algorithm
    ) -> list[Digest | None]:
        """None is known."""
        return [None] * len(files)

    def remember(self, files: Iterable[Known], *, now: int | None = None) -> None:
        """Forget them."""


def persistent(outs: Iterable[DeclaredOut]) -> list[bytes]:
    """Where outs lie that are changed in place."""
    return [out.path for out in outs if out.persist and out.path is not None]
