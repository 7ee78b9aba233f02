"""Which files `vfs prefetch` means."""

import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import translate
from typing import Any

from vfs.errors import UnknownPath
from vfs.transfer import Place
from vfs.types import Blob, Entry
from vfs.workspace import Snapshot, Workspace

Wanted = tuple[Blob, Callable[[], Sequence[Place]]]


def selected(workspace: Workspace, snapshot: Snapshot, args: dict[str, Any]) -> list[Wanted]:
    """The blobs of a request, each once.

    Args:
        workspace: finds places.
        snapshot: whose paths are meant.
        args: `paths` (list of str, each a file or directory) and `glob` (matched against whole paths); neither means all.

    Raises:
        UnknownPath: a path is not in the snapshot.
    """
    pattern = args.get("glob")
    matches = re.compile(translate(str(pattern)).encode()).match if pattern else None
    wanted: dict[Blob, Wanted] = {}
    for path, entry in _entries(snapshot, [str(p) for p in args.get("paths") or [""]]):
        if entry.digest is None or (matches is not None and not matches(path)):
            continue
        blob = Blob(entry.digest, entry.size)
        if blob not in wanted:
            wanted[blob] = (blob, _places(workspace, snapshot, entry, blob))
    return list(wanted.values())


def _entries(snapshot: Snapshot, paths: list[str]) -> Iterator[tuple[bytes, Entry]]:
    for text in paths:
        path = text.strip("/").encode("utf-8", "surrogateescape")
        found = False
        for item in snapshot.walk(path):
            found = True
            yield item
        if not found and path:
            raise UnknownPath(f"{text} is not in {snapshot.rev}", hint="`vfs ls` shows what is")


def _places(
    workspace: Workspace, snapshot: Snapshot, entry: Entry, blob: Blob
) -> Callable[[], Sequence[Place]]:
    origin = snapshot.origins[entry.origin]
    return lambda: workspace.places_of(origin, blob)
