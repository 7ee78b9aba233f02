"""What a command wrote in a private view and did not declare: found, and told. Pure.

Rule: caches of interpreters are nobody's result, and a directory is what lies in it.
"""

from collections.abc import Iterable, Sequence

from vfs.core.paths import show
from vfs.sandbox.changes import Change, Kind, What
from vfs.tracking.project import is_inside

MOST = 10
"""Paths that are named."""

_NOBODYS = frozenset((b"__pycache__", b".git", b".dvc", b".vfs"))


def undeclared(changes: Iterable[Change], outs: Sequence[bytes]) -> list[Change]:
    """Those changes that lie in no out."""
    return [
        change
        for change in changes
        if not any(is_inside(change.path, out) for out in outs)
        and (change.kind is not Kind.DIRECTORY or change.what is What.DELETED)
        and not _NOBODYS.intersection(change.path.split(b"/"))
        and not change.path.endswith(b".pyc")
    ]


def told_of(changes: Sequence[Change]) -> str:
    """The first ones by their paths, and how many there are."""
    named = ", ".join(f"{show(one.path)} ({one.what.value})" for one in changes[:MOST])
    more = f" and {len(changes) - MOST} more" if len(changes) > MOST else ""
    return f"{len(changes)} path{'s' if len(changes) > 1 else ''} that it does not declare: {named}{more}"
