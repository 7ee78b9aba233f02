"""What `vfs prefetch` means: which files, which of them cannot be had at all, and what is to be kept."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import translate
from typing import Any, NamedTuple

from vfs.errors import StoreFull, UnknownPath
from vfs.store import whole
from vfs.transfer import Place, PrefetchReport
from vfs.transfer.blocks import pointer_key, scoped
from vfs.transfer.warmup import MOST_PROBLEMS
from vfs.types import Blob, Digest, Entry, Kind
from vfs.workspace import Snapshot, Workspace
from vfs.workspace.scope import scope_of
from vfs.workspace.workspace import WORKTREE

Wanted = tuple[Blob, Callable[[], Sequence[Place]]]


class Selection(NamedTuple):
    """The files of a request.

    Attributes:
        wanted: their contents, each once.
        names: the path of each content; of several, the first.
        broken: why the others have none, a sentence each that begins with the path.
    """

    wanted: list[Wanted]
    names: dict[Blob, bytes]
    broken: list[str]

    def report(self, fetched: PrefetchReport) -> dict[str, Any]:
        """What became of all of them."""
        fields = {name: getattr(fetched, name) for name in fetched.__slots__}
        fields["files"] += len(self.broken)
        fields["failed_files"] += len(self.broken)
        failed = (f"{_shown(self.names[blob])}: {reason}" for blob, reason in fetched.problems)
        fields["problems"] = [*self.broken, *failed][:MOST_PROBLEMS]
        return fields


def selected(workspace: Workspace, snapshot: Snapshot, args: dict[str, Any]) -> Selection:
    """The files of a request.

    Args:
        workspace: finds places.
        snapshot: whose paths are meant.
        args: `paths` (list of str, each a file or directory) and `glob` (matched against whole paths); neither means all.
            `pin` is the name of the pin that keeps them in the store, and what their pointers name from `vfs gc`.

    Raises:
        UnknownPath: a path is not in the snapshot.
        StoreError: the pin cannot be written.
    """
    pattern = args.get("glob")
    matches = re.compile(translate(str(pattern)).encode()).match if pattern else None
    wanted: dict[Blob, Wanted] = {}
    names: dict[Blob, bytes] = {}
    broken: dict[bytes, str] = {}
    pin = str(args.get("pin") or "")
    outs = _outs(workspace, snapshot) if pin else {}
    pinned: set[tuple[Digest, bool]] = set()
    for path, entry in _entries(snapshot, [str(p) for p in args.get("paths") or [""]]):
        if matches is not None and not matches(path):
            continue
        pinned.update(_around(path, outs))
        if entry.kind is Kind.BROKEN:
            broken[path] = f"{_shown(path)}: {entry.problem}"
        elif entry.digest is not None:
            blob = Blob(entry.digest, entry.size)
            if blob not in wanted:
                wanted[blob] = (blob, _places(workspace, snapshot, entry, blob))
                names[blob] = path
    if pin and wanted:
        scope = scope_of(workspace.repository)
        workspace.store.pin(pin, (whole(scoped(b, scope).proven_key) for b in wanted if b.size))
        workspace.store.pin(pin, (pointer_key(*one) for one in pinned))
    return Selection(list(wanted.values()), names, list(broken.values()))


@contextmanager
def pin_named(args: dict[str, Any]) -> Iterator[None]:
    """A full store's error says what a pin goes on keeping."""
    try:
        yield
    except StoreFull as error:
        if not (name := args.get("pin")):
            raise
        said = f"{error.message}; pin {name} keeps what was fetched"
        raise StoreFull(said, hint=f"`vfs cache unpin {name}` lets it go. {error.hint}") from error


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def _outs(workspace: Workspace, snapshot: Snapshot) -> dict[bytes, tuple[Digest, bool]]:
    """What the pointers of a snapshot name, by the paths of the outs."""
    claims = workspace.survey(snapshot.commit or WORKTREE).claims
    outs = (claim.out for claim in claims.served)
    return {out.path: (out.digest, out.is_tree) for out in outs if out.digest is not None}


def _around(path: bytes, outs: dict[bytes, tuple[Digest, bool]]) -> Iterator[tuple[Digest, bool]]:
    """The out that a path is or lies in."""
    while path and outs:
        if path in outs:
            yield outs[path]
        path = path.rpartition(b"/")[0]


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
