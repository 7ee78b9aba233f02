"""What `vfs why` finds out of a path: of a file its places one by one, of a directory sums."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from vfs.core.gets import gets
from vfs.packed import Located
from vfs.packed.place import parts_of, runs_of
from vfs.packed.plan import Plan
from vfs.transfer.blocks import scoped
from vfs.types import BLOCK_SIZE, Blob, Entry
from vfs.workspace import Snapshot, Workspace
from vfs.workspace.estimate import estimate
from vfs.workspace.scope import scope_of
from vfs.workspace.whereabouts import Told, resident, told_places, verified_file
from vfs_cli.text import count, format_size

Step = Callable[[str, int, int | None], None]

_PACKS = 5


@dataclass(slots=True)
class Found:
    """See the module.

    Attributes:
        kind: `file`, `executable`, `symlink`, `directory`, `broken`.
        blob: of a file, without its scope.
        size, files, resident, local, nowhere: as of `vfs.core.advice.Facts`.
        requests, layout, source: of what must come.
        segments: of the chunk store that hold what is there.
        places: of a file, in the order in which they are asked.
        packs: of a packed remote that was asked: where in which packs it lies, run by run.
        rows: of a directory: where what is lacking comes from.
        cost: what the daemon says; empty if there is none.
    """

    kind: str
    blob: Blob | None = None
    size: int = 0
    files: int = 1
    resident: int = 0
    local: int = 0
    nowhere: int = 0
    broken: int = 0
    requests: int = 0
    layout: str = ""
    source: str = ""
    verified: str = "no"
    problem: str = ""
    hint: str = ""
    segments: list[int] = field(default_factory=list)
    places: list[Told] = field(default_factory=list)
    packs: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    cost: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "kind": self.kind,
            "digest": None if self.blob is None else str(self.blob.digest),
            "size": self.size,
            "files": self.files,
            "verified": self.verified if self.blob is not None else None,
            "resident": {"bytes": self.resident, "segments": self.segments},
            "local": self.local,
            "requests": self.requests,
            "broken": self.broken,
            "problem": self.problem or None,
            "places": [
                {
                    "place": told.label,
                    "where": told.where,
                    "layout": told.layout,
                    "local": told.local,
                    "has": told.here,
                    "note": told.note or None,
                }
                for told in self.places
            ],
            "packs": self.packs,
            "sources": self.rows,
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """For people: label and text."""
        if self.kind == "broken":
            yield "broken", self.problem
            return
        what = f"{self.kind}, {format_size(self.size)}"
        if self.blob is None:
            yield "what", f"{what}, {count(self.files, 'content')}"
        else:
            checked = {"yes": "verified", "bad": "WRONG"}.get(self.verified, "not all verified")
            yield "what", f"{what}, {self.blob.digest}, {checked}"
        yield "chunk store", self._stored()
        for number, told in enumerate(self.places, 1):
            yield f"place {number}", _place(told)
        for row in self.rows:
            yield "lacking", _row(row)
        if self.packs:
            more = f" and {len(self.packs) - _PACKS} more" if len(self.packs) > _PACKS else ""
            yield "packs", ", ".join(map(_pack, self.packs[:_PACKS])) + more

    def _stored(self) -> str:
        percent = 100 if not self.size else 100 * self.resident // self.size
        where = ""
        if self.segments:
            shown = ", ".join(map(str, self.segments[:8]))
            where = f", in segment{'s' if len(self.segments) > 1 else ''} {shown}"
            where += ", …" if len(self.segments) > 8 else ""
        return f"{percent} % ({format_size(self.resident)}){where}"


def _place(told: Told) -> str:
    unknown = "not known" if told.note else "not asked"
    asked = {True: "has it", False: "does not have it", None: unknown}[told.here]
    note = f": {told.note}" if told.note else ""
    return f"{told.where} [{told.layout}] {asked}{note}"


def _pack(run: dict[str, Any]) -> str:
    name = run["pack"].rpartition("/")[2][:16]
    return f"{name}… from {run['offset']}, {format_size(run['length'])} in {count(run['chunks'], 'chunk')}"


def _row(row: dict[str, Any]) -> str:
    place, size = row["place"] or "nowhere", format_size(row["lacking"])
    if not row["requests"]:
        return f"{count(row['files'], 'content')} ({size}): {place}"
    about = "about " if row["assumed"] else ""
    return f"{count(row['files'], 'content')} ({size}): {place} [{row['layout']}], {about}{count(row['requests'], 'request')}"


def found_at(
    workspace: Workspace, shown: Snapshot, place: bytes, *, ask: bool, progress: Step
) -> Found:
    """What is to be found out of a path that can be served. Raises UnknownPath."""
    entry = shown.resolve(place)
    if isinstance(entry, Entry) and entry.digest is not None:
        return _of_file(workspace, shown, entry, ask=ask)
    return _of_directory(workspace, shown, place, ask=ask, progress=progress)


def _of_file(workspace: Workspace, shown: Snapshot, entry: Entry, *, ask: bool) -> Found:
    assert entry.digest is not None
    blob = Blob(entry.digest, entry.size)
    here = resident(workspace.store, scoped(blob, scope_of(workspace.repository)))
    places = workspace.places_of(shown.origins[entry.origin], blob)
    found = Found(entry.kind.name.lower(), blob, blob.size, verified=here.verified)
    found.resident, found.segments = here.size, here.segments
    found.places = [*told_places(workspace.session, places, blob, ask=ask)]
    located = next((told.located for told in found.places if told.located is not None), None)
    found.packs = [] if located is None else _packs(located, blob.size)
    own = next((told for told in found.places if told.local and told.here), None)
    if own is not None:
        found.local = blob.size - here.size
        if own.layout == "git" or verified_file(workspace.store, blob, places):
            found.verified = "yes"
        return found
    _add_remote(found, blob, [block for run in here.lacking for block in run], ask=ask)
    return found


def _add_remote(found: Found, blob: Blob, lacking: list[int], *, ask: bool) -> None:
    """Where the rest comes from, and in how many requests."""
    remotes = [told for told in found.places if not told.local and told.here is not False]
    if not remotes:
        found.nowhere = int(bool(lacking) and (ask or not found.places))
        return
    first = next((told for told in remotes if told.here), remotes[0])
    found.source, found.layout = first.label, first.layout
    runs = [*gets(blob.size, lacking)]
    found.requests = len(runs)
    if first.located is not None:
        plan = Plan()
        plan.add(first.located, [(run.start * BLOCK_SIZE, run.stop * BLOCK_SIZE) for run in runs])
        found.requests = plan.requests


def _packs(located: Located, size: int) -> list[dict[str, Any]]:
    """Where a content lies in packs: runs of chunks that lie back to back."""
    return [
        {
            "pack": located.packs[run[0].chunk.pack].key,
            "offset": run[0].chunk.offset,
            "length": run[-1].chunk.offset + run[-1].chunk.stored - run[0].chunk.offset,
            "chunks": len(run),
        }
        for run in runs_of(parts_of(located, 0, size))
    ]


def _of_directory(
    workspace: Workspace, shown: Snapshot, place: bytes, *, ask: bool, progress: Step
) -> Found:
    sums = estimate(workspace, shown, [place], ask=ask, progress=progress)
    found = Found("directory", size=sums.size, files=sums.files, resident=sums.resident)
    found.broken, found.requests = sums.broken, sums.remote.requests
    for source, row in sums.rows.items():
        if source.layout in ("file", "git"):
            found.local += row.content
        elif not source.layout:
            found.nowhere += row.files
        elif not found.source:
            found.source, found.layout = source.label, source.layout
        found.rows.append(
            {
                "place": source.label or None,
                "layout": source.layout or None,
                "files": row.files,
                "lacking": row.content,
                "requests": row.requests if source.remote else 0,
                "assumed": row.assumed,
            }
        )
    return found
