"""`vfs get`: a file or directory of a repository as plain files, tracked by nobody.

Rule: all of it is written beside the target and renamed once it is whole; nothing that lies there is replaced unasked.
"""

import os
import secrets
import shutil
from contextlib import suppress

from vfs.errors import DataUnavailable, StoreError, StoreFull, WouldOverwrite
from vfs.objects.incoming import FULL
from vfs.sharing.streams import check, from_places, verified
from vfs.sharing.taken import found_in
from vfs.tracking.parallel import each
from vfs.tracking.report import Report
from vfs.transfer import Body
from vfs.types import Blob, Entry, Kind
from vfs.workspace import Workspace
from vfs.workspace.pointers import Progress
from vfs.workspace.projection import Item

_PIECE = 1 << 20


def get(
    workspace: Workspace, rev: str, path: bytes, target: str, progress: Progress, *, force: bool
) -> Report:
    """Write what a revision has at a path.

    Args:
        workspace: the repository.
        rev: revision of it.
        path: in it; data in place of its pointers, links followed.
        target: path that it gets.
        progress: told (stage, done, total).
        force: replace what lies there.

    Raises:
        WouldOverwrite: something lies there.
        UnknownRevision, UnknownPath: the repository has no such thing.
        VfsError: some content cannot be had; nothing was written.
    """
    if os.path.lexists(target) and not force:
        raise WouldOverwrite(f"{target} is there already", hint="--force replaces it")
    found = found_in(workspace, rev, path, progress)
    items = [Item(b"", found, found.digest)] if isinstance(found, Entry) else found
    directory = os.path.dirname(os.path.abspath(target))
    token = secrets.token_hex(8)
    new, old = (os.path.join(directory, f".vfs-{token}-{part}.tmp") for part in ("new", "old"))
    try:
        os.makedirs(directory, exist_ok=True)
        report = _write(workspace, items, new, not isinstance(found, Entry), progress)
        if os.path.lexists(target) and force:
            os.rename(target, old)
        elif os.path.lexists(target):
            raise WouldOverwrite(f"{target} appeared meanwhile", hint="--force replaces it")
        os.rename(new, target)
    except OSError as error:
        raise _failed(target, error) from error
    finally:
        _remove(new)
    _remove(old)
    return report


def _write(
    workspace: Workspace, items: list[Item], new: str, is_tree: bool, progress: Progress
) -> Report:
    report = Report()
    by_path = {item.path: item for item in items}
    if is_tree:
        for directory in {os.path.dirname(path) for path in by_path} | {b""}:
            os.makedirs(os.path.join(os.fsencode(new), directory), exist_ok=True)

    sizes: list[int] = []

    def write(path: bytes) -> None:
        file = os.path.join(os.fsencode(new), path) if path else os.fsencode(new)
        sizes.append(_file(workspace, by_path[path].entry, file))

    jobs = workspace.settings.jobs
    tick = lambda: progress("get", len(sizes), len(items))  # noqa: E731
    check(each(by_path, write, jobs, tick), "the file")
    report.files, report.size = len(sizes), sum(sizes)
    return report


def _file(workspace: Workspace, entry: Entry, file: bytes) -> int:
    if entry.kind is Kind.BROKEN or entry.digest is None:
        raise DataUnavailable(entry.problem or "it has no content")
    blob = Blob(entry.digest, entry.size)
    origin = workspace.session.origins.all()[entry.origin]

    def use(body: Body) -> int:
        fill, view, size = verified(body, blob), memoryview(bytearray(_PIECE)), 0
        try:
            with open(file, "wb", buffering=0) as made:
                while count := fill(view):
                    size += count
                    rest = view[:count]
                    while rest:
                        rest = rest[made.write(rest) or 0 :]
                if entry.kind is Kind.EXECUTABLE:
                    os.fchmod(made.fileno(), os.fstat(made.fileno()).st_mode | 0o111)
        except OSError as error:
            raise _failed(os.fsdecode(file), error) from error
        return size

    return from_places(workspace.places_of(origin, blob), blob, use)


def _failed(path: str, error: OSError) -> StoreError:
    kind = StoreFull if error.errno in FULL else StoreError
    return kind(f"{path}: {error.strerror}")


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)
