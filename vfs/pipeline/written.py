"""The outs that a command made in a private view, into the cache.

Rules:

* They are moved out of the upper layer first, so that what is left there is what nobody declared.
* A file of a cached out is renamed into the cache: no second copy. One that has another name, or lies on another file system, is copied.
* `.dvcignore` files are those of the working tree. A symlink in an out is replaced by what it led to in the view: the working tree may not have that.
* A `persist` out was partly in the working tree, and stays: what the command changed of it is changed there.
"""

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import NamedTuple

from vfs.errors import StageFailed, UnknownPath
from vfs.formats.run_cache import cacheable
from vfs.formats.stage_values import DeclaredOut, LockedItem
from vfs.objects import Fingerprint
from vfs.pipeline.nodes import Stage
from vfs.pipeline.recording import item, not_made, put_listings
from vfs.sandbox.changes import Change, Kind, What, strip
from vfs.sandbox.view import View
from vfs.state import FileState
from vfs.state.files import Known
from vfs.tracking.contents import Contents
from vfs.tracking.links import failed
from vfs.tracking.project import Project, is_inside
from vfs.tracking.record import Recorded, record
from vfs.tracking.scan import Scanner
from vfs.types import Algorithm, Digest

_MOST_LINKS = 40


class Layers(NamedTuple):
    """Where what a command saw lies.

    Attributes:
        made: where outs are moved to.
        upper: what it wrote.
        below: the working tree, and what lies below it.
    """

    made: bytes
    upper: bytes
    below: Sequence[bytes]


def move_outs(stage: Stage, layers: Layers) -> None:
    """Move the outs out of the upper layer.

    Raises:
        StageFailed: one was not made, or lies behind a symlink; nothing was moved.
        StoreError: one cannot be moved.
    """
    outs = [out for out in stage.definition.outs if not out.persist and out.path is not None]
    for out in outs:
        if _behind_link(layers.upper, out.path or b""):
            raise StageFailed(
                f"stage {stage.address()!r} made a symlink that leads to {out.written}, and what lies behind it is not its own",
                hint="let its command make the directory, or declare the out where it lies",
            )
        if not _is_there(layers.upper, out.path or b""):
            raise not_made(stage, out)
    for out in outs:
        assert out.path is not None
        source, target = (os.path.join(top, out.path) for top in (layers.upper, layers.made))
        try:
            _open(source)
            strip(source)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.rename(source, target)
        except OSError as error:
            raise failed(source, error) from error


def take(project: Project, stage: Stage, layers: Layers) -> dict[str, LockedItem]:
    """Take the outs into the cache, on the disk: those that were moved, and `persist` ones from the working tree; raises as `recording.outs`."""
    keep = cacheable(stage.definition)
    found: dict[str, LockedItem] = {}
    stored: list[Recorded] = []
    for path in stage.out_paths:
        _resolve(project.top, path, layers)
    with _reading(project, layers.made) as made:
        for out in stage.definition.outs:
            assert out.path is not None  # or the graph was refused
            old = stage.locked.outs.get(out.written) if stage.locked else None
            digest = old.digest if old else None
            try:
                if out.persist:
                    recorded = record(project, out.path, digest, store=out.cached or keep)
                else:
                    recorded = record(made, out.path, digest, store=keep and not out.cached)
            except UnknownPath:
                raise not_made(stage, out) from None
            if out.cached and not out.persist:
                _adopt(made, out.path, recorded)
            if out.cached or keep:
                stored.append(recorded)
            found[out.written] = item(out.written, recorded.content)
        put_listings(project, stored)
    return found


def apply(project: Project, changes: Iterable[Change], view: View, aside: bytes) -> Iterator[bytes]:
    """Change the working tree as a command did; what was written there meanwhile is moved to `aside` instead, and its path given. Raises StoreError."""
    for change in changes:
        source, target = os.path.join(view.upper, change.path), project.absolute(change.path)
        try:
            if _replaces(change) and _newer(target, view.since):
                kept = os.path.join(aside, change.path)
                os.makedirs(os.path.dirname(kept), exist_ok=True)
                os.rename(target, kept)
                yield change.path
            _apply(change, source, target)
        except OSError as error:
            raise failed(target, error) from error


def _replaces(change: Change) -> bool:
    return change.what is not What.MODE and (
        change.kind is not Kind.DIRECTORY or change.what is What.DELETED
    )


def _newer(path: bytes, since: int) -> bool:
    """Whether a file, or one in a directory, was written since; a link to the cache may get another name meanwhile."""
    if os.path.isdir(path) and not os.path.islink(path):
        return any(_newer(os.path.join(path, name), since) for name in os.listdir(path))
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return found.st_mtime_ns > since or (found.st_nlink == 1 and found.st_ctime_ns > since)


def _apply(change: Change, source: bytes, target: bytes) -> None:
    is_directory = os.path.isdir(target) and not os.path.islink(target)
    if change.what is What.MODE:
        os.chmod(target, change.mode)
    elif not _replaces(change):
        if not is_directory:
            if os.path.lexists(target):
                os.unlink(target)
            os.makedirs(target)
        os.chmod(target, change.mode)
    else:
        if is_directory:
            shutil.rmtree(target)
        if change.what is not What.DELETED:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            strip(source)
            os.rename(source, target)
        elif os.path.lexists(target):
            os.unlink(target)


def _is_there(upper: bytes, path: bytes) -> bool:
    try:
        found = os.lstat(os.path.join(upper, path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not (stat.S_ISCHR(found.st_mode) and found.st_rdev == os.makedev(0, 0))


def _behind_link(upper: bytes, path: bytes) -> bool:
    """Whether a directory that a path is in is a symlink, so that it leads anywhere."""
    above = os.path.dirname(path)
    while above:
        if os.path.islink(os.path.join(upper, above)):
            return True
        above = os.path.dirname(above)
    return False


def _open(path: bytes) -> None:
    """Directories may be written: nobody records what they allow, and files are moved out of them. Raises OSError."""
    if os.path.islink(path) or not os.path.isdir(path):
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
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_dev == device:
            cache.adopt(absolute, digest)
        else:
            cache.ingest(absolute, digest.algorithm, follow=True)


def _resolve(top: bytes, path: bytes, layers: Layers) -> None:
    """Replace symlinks to files, at a path of what was made and below it, by what they led to. Raises StoreError."""
    for link in list(_links(os.path.join(layers.made, path))):
        target = _led_to(top, os.path.relpath(link, layers.made), layers)
        if target is None:
            continue
        copy = link + b".vfs-" + os.urandom(4).hex().encode()
        try:
            shutil.copy(target, copy)
            os.replace(copy, link)
        except OSError as error:
            raise failed(link, error) from error


def _links(path: bytes) -> Iterator[bytes]:
    if os.path.islink(path):  # what lies behind it is not ours
        yield path
        return
    for parent, directories, names in os.walk(path):
        for name in (*directories, *names):
            if os.path.islink(os.path.join(parent, name)):
                yield os.path.join(parent, name)


def _led_to(top: bytes, path: bytes, layers: Layers) -> bytes | None:
    """The file that a path of the view leads to, where it lies; None if to none, or to a directory. Each name on the way is looked up as in the view."""
    at, left, links = b"", path.split(b"/"), 0
    while left:
        name = left.pop(0)
        if name == b"..":
            if not at:
                return _file(os.path.join(os.path.dirname(top), *left))
            at = os.path.dirname(at)
        elif name not in (b"", b"."):
            here = _found(os.path.join(at, name), layers)
            if here is None:
                return None
            if not os.path.islink(here):
                at = os.path.join(at, name)
                continue
            links += 1
            leads = os.readlink(here)
            if links > _MOST_LINKS:
                return None
            if leads.startswith(b"/"):
                if not is_inside(os.path.normpath(leads), top):
                    return _file(os.path.join(leads, *left))
                at, leads = b"", os.path.relpath(leads, top)
            left[:0] = leads.split(b"/")
    found = _found(at, layers)
    return None if found is None else _file(found)


def _found(path: bytes, layers: Layers) -> bytes | None:
    """Where a path of the view lies that goes through no symlink."""
    for layer in (layers.made, layers.upper, *layers.below):
        if _is_there(layer, path):
            return os.path.join(layer, path)
        if layer == layers.upper and os.path.lexists(os.path.join(layer, path)):
            return None  # it was deleted
    return None


def _file(path: bytes) -> bytes | None:
    return path if os.path.isfile(path) else None


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
