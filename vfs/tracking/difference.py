"""A revision against the working tree: its pointers, and what lies there instead of what they say.

Rule: what Git tracks and what pointers say is compared by `Snapshot.diff`; over that comes what `status` finds inside tracked data.
Memory: the files that differ, if any of them differs from its pointer.
"""

from collections.abc import Iterator

from vfs.errors import UnknownPath
from vfs.tracking.status import FileChange, Report
from vfs.types import Entry, Kind
from vfs.workspace import Change, Snapshot


def against_worktree(before: Snapshot, pointers: Snapshot, report: Report) -> Iterator[Change]:
    """Files that differ: (path, in the revision, in the working tree).

    Args:
        before: the revision.
        pointers: the working tree by its pointers.
        report: its status.
    """
    found = {f.path: f for out in report.outs for f in out.files}
    if not found:
        yield from before.diff(pointers)
        return
    changes: dict[bytes, Change] = {}
    for path, was, now in before.diff(pointers):
        changes[path] = path, was, now
    for path, change in found.items():
        was = changes[path][1] if path in changes else _entry(before, path)
        now = _lying(path, change)
        if _same(was, now):
            changes.pop(path, None)
        else:
            changes[path] = path, was, now
    for path in sorted(changes, key=lambda one: one.split(b"/")):
        yield changes[path]


def _entry(snapshot: Snapshot, path: bytes) -> Entry | None:
    try:
        found = snapshot.resolve(path)
    except UnknownPath:
        return None
    return found if isinstance(found, Entry) else None


def _lying(path: bytes, change: FileChange) -> Entry | None:
    """What lies at a path of tracked data; None for nothing, or for a directory in its place."""
    if change.content is None:
        return None
    file, digest, _ = change.content
    return Entry(
        name=path.rpartition(b"/")[2],
        kind=Kind.EXECUTABLE if file.executable else Kind.FILE,
        size=file.fingerprint.size,
        digest=digest,
        mtime=file.fingerprint.mtime // 1_000_000_000,
        origin=0,
    )


def _same(was: Entry | None, now: Entry | None) -> bool:
    if was is None or now is None:
        return was is now
    return was.digest == now.digest
