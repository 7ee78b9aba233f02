"""What reading paths would take now: what is here, what must come, from where, in how many requests.

Rules: no remote is asked unless `ask` is set; nothing is fetched. GETs are found by what the fetcher itself calls (`vfs.core.gets`), requests of packs by
what their reader calls (`vfs.packed.plan`). Contents are looked up in batches, so memory does not grow with their number but for eight bytes of the name of
each, so that one that occurs twice counts once. Blocking.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from vfs.core.gets import gets
from vfs.core.ranges import block_count, run_length
from vfs.errors import VfsError
from vfs.formats.layout import object_path
from vfs.formats.manifest_blocks import BLOCK_FILES, ChunkPlace
from vfs.formats.packs import ID, PackRef
from vfs.packed import Located
from vfs.packed.plan import Plan
from vfs.remotes.base import told
from vfs.transfer.blocks import scoped
from vfs.types import BLOCK_SIZE, Blob, Entry, Kind
from vfs.workspace.origins import DvcOrigin, Origin
from vfs.workspace.scope import scope_of
from vfs.workspace.snapshot import Snapshot
from vfs.workspace.stores import DvcStore, RemoteRef
from vfs.workspace.whereabouts import STEP, Source, Sources, lacking_of
from vfs.workspace.workspace import Workspace

MOST_NAMED: Final = 10
"""Paths that cannot be served which are named."""

_FILES: Final = (Kind.FILE, Kind.EXECUTABLE)
_NOWHERE: Final = Source("", "")
_ASSUMED: Final = PackRef(bytes(ID), 1 << 30)

Progress = Callable[[str, int, int | None], None]


@dataclass(slots=True)
class Row:
    """What comes from one place.

    Attributes:
        files: contents that come from there, in whole or in part.
        content: bytes of them that are lacking.
        transfer: bytes that will come over the connection.
        requests: that will be made; manifests: those of them that read file lists, which a mount may have done already.
        assumed: the last two are guessed: where the chunks are is not known without asking.
    """

    files: int = 0
    content: int = 0
    transfer: int = 0
    requests: int = 0
    manifests: int = 0
    assumed: bool = False


@dataclass(slots=True)
class Estimate:
    """See the module.

    Attributes:
        files: contents to read, each once.
        size: bytes of them.
        resident: bytes of them that the chunk store has.
        resident_files: contents of which it has all.
        rows: what it lacks, by where that comes from.
        broken: paths that cannot be served; `problems` says why of the first.
        asked: whether remotes were asked.
    """

    files: int = 0
    size: int = 0
    resident: int = 0
    resident_files: int = 0
    rows: dict[Source, Row] = field(default_factory=dict)
    broken: int = 0
    problems: list[tuple[bytes, str]] = field(default_factory=list)
    asked: bool = False

    def row(self, source: Source) -> Row:
        """Of a place."""
        row = self.rows.get(source)
        if row is None:
            row = self.rows[source] = Row()
        return row

    @property
    def remote(self) -> Row:
        """All that comes over connections."""
        rows = [row for source, row in self.rows.items() if source.remote]
        return Row(
            sum(row.files for row in rows),
            sum(row.content for row in rows),
            sum(row.transfer for row in rows),
            sum(row.requests for row in rows),
            sum(row.manifests for row in rows),
            any(row.assumed for row in rows),
        )


Lacking = tuple[Blob, Sequence[int], int]
"""A content without its scope, the blocks of it that the chunk store lacks, and their bytes."""


def _length(size: int, blocks: Sequence[int]) -> int:
    """Bytes of some blocks of a content, not none."""
    if len(blocks) == block_count(size):
        return size
    return sum(run_length(size, range(block, block + 1)) for block in blocks)


class Estimator:
    """Blocking.

    Args:
        workspace: of the snapshot.
        snapshot: whose paths are meant.
        ask: remotes may be asked.
        progress: told how many paths were looked at.
    """

    def __init__(
        self, workspace: Workspace, snapshot: Snapshot, *, ask: bool, progress: Progress
    ) -> None:
        self._workspace = workspace
        self._snapshot = snapshot
        self._ask = ask
        self._progress = progress
        self._scope = scope_of(workspace.repository)
        self._sources = Sources(workspace)
        self._found = Estimate(asked=ask)
        self._plans: dict[Source, Plan] = {}
        self._positions: dict[Source, int] = {}

    def run(self, tops: Iterable[bytes]) -> Estimate:
        """Read everything at and below these paths once, in this order."""
        met: set[int] = set()
        wanted = self._wanted(tops, met)
        while batch := list(islice(wanted, STEP)):
            self._batch(batch)
            self._progress("look", self._found.files, None)
        for source, plan in self._plans.items():
            row = self._found.row(source)
            row.requests += plan.requests
            row.transfer += plan.bytes
        rows = self._found.rows.items()
        self._found.rows = {source: row for source, row in rows if row.files}
        return self._found

    def _wanted(self, tops: Iterable[bytes], met: set[int]) -> Iterator[tuple[Entry, Blob]]:
        for top in tops:
            for path, entry in self._snapshot.walk(top):
                if entry.kind is Kind.BROKEN:
                    self._found.broken += 1
                    if len(self._found.problems) < MOST_NAMED:
                        self._found.problems.append((path, entry.problem))
                elif entry.kind in _FILES and entry.digest is not None:
                    name = int.from_bytes(entry.digest.value[:8], "big") ^ entry.size
                    if name not in met:
                        met.add(name)
                        yield entry, scoped(Blob(entry.digest, entry.size), self._scope)

    def _batch(self, batch: Sequence[tuple[Entry, Blob]]) -> None:
        blobs = [blob for _, blob in batch]
        missing: dict[int, list[Lacking]] = {}
        found = self._found
        found.files += len(blobs)
        for (entry, blob), lacking in zip(
            batch, lacking_of(self._workspace.store, blobs), strict=True
        ):
            found.size += blob.size
            if not lacking:
                found.resident += blob.size
                found.resident_files += 1
                continue
            gone = _length(blob.size, lacking)
            found.resident += blob.size - gone
            plain = blob._replace(scope=b"") if blob.scope else blob
            missing.setdefault(entry.origin, []).append((plain, lacking, gone))
        for origin, some in missing.items():
            self._of_origin(self._snapshot.origins[origin], some)

    def _of_origin(self, origin: Origin, some: list[Lacking]) -> None:
        plain = [blob for blob, _, _ in some]
        sources = self._sources.of(origin, plain)
        if self._ask and isinstance(origin, DvcOrigin):
            sources = self._asked(origin, plain, sources)
        for (blob, lacking, gone), source in zip(some, sources, strict=True):
            row = self._found.row(source)
            row.files += 1
            row.content += gone
            if source.layout not in ("file", ""):
                self._add(row, source, origin, blob, lacking)

    def _add(
        self, row: Row, source: Source, origin: Origin, blob: Blob, lacking: Sequence[int]
    ) -> None:
        runs = gets(blob.size, lacking)
        if source.layout != "packed":
            for run in runs:
                row.requests += 1
                row.transfer += run_length(blob.size, run)
            return
        plan = self._plans.get(source) or self._plans.setdefault(source, Plan())
        located = self._located(source, origin, blob, row, plan)
        if located is not None:
            ends = ((run.start * BLOCK_SIZE, min(run.stop * BLOCK_SIZE, blob.size)) for run in runs)
            plan.add(located, ends)

    # -- packed remotes ------------------------------------------------------------------------------

    def _located(
        self, source: Source, origin: Origin, blob: Blob, row: Row, plan: Plan
    ) -> Located | None:
        """The chunks of a content; unless remotes may be asked, as if all lay in one pack, as they are: None if what was read before brings them."""
        if self._ask and isinstance(origin, DvcOrigin):
            ref = self._packed_ref(self._now(origin), source)
            return self._located_at(ref, blob, row)
        row.assumed = True
        start = self._positions.get(source, 0)
        if row.files % BLOCK_FILES == 1:
            row.requests += 1  # files of a manifest, at least
            row.manifests += 1
        self._positions[source] = start + blob.size
        if plan.holds(_ASSUMED.id, start, start + blob.size):
            return None
        chunks = [
            ChunkPlace((start + at).to_bytes(ID, "big"), 0, start + at, size, size)
            for at in range(0, blob.size, BLOCK_SIZE)
            for size in [min(BLOCK_SIZE, blob.size - at)]
        ]
        return Located([_ASSUMED], chunks)

    def _located_at(self, ref: RemoteRef, blob: Blob, row: Row) -> Located:
        """Ask a remote; a reader will ask the same of it. Raises VfsError."""
        before = self._requests(ref)
        try:
            return self._workspace.session.packed(ref).located(blob)
        finally:
            asked = self._requests(ref)
            row.requests += asked[0] - before[0]
            row.manifests += asked[0] - before[0]
            row.transfer += asked[1] - before[1]

    def _packed_ref(self, store: DvcStore, source: Source) -> RemoteRef:
        return next(ref for ref in store.packed if ref.name == source.label)

    def _requests(self, ref: RemoteRef) -> tuple[int, int]:
        known = self._workspace.session.connections.statistics().get(ref.name)
        return (0, 0) if known is None else (known.requests, known.received)

    def _now(self, origin: DvcOrigin) -> DvcStore:
        return self._workspace.session.renewal.store(origin.store)

    # -- asking --------------------------------------------------------------------------------------

    def _asked(
        self, origin: DvcOrigin, blobs: Sequence[Blob], sources: Sequence[Source]
    ) -> list[Source]:
        """The first remote that says that it has each of those contents that are not here."""
        found = list(sources)
        left = [n for n, source in enumerate(sources) if source.remote]
        store = self._now(origin)
        for ref in store.packed:
            there = {n for n in left if self._has_packed(ref, blobs[n])}
            found = [
                Source(ref.name, "packed") if n in there else one for n, one in enumerate(found)
            ]
            left = [n for n in left if n not in there]
        for ref in store.ordered(origin.remote):
            if left and (ref.worktree or not ref.versioned):
                there = self._heads(ref, {n: blobs[n] for n in left})
                found = [
                    Source(ref.name, "plain") if n in there else one for n, one in enumerate(found)
                ]
                left = [n for n in left if n not in there]
        return [_NOWHERE if n in left else one for n, one in enumerate(found)]

    def _has_packed(self, ref: RemoteRef, blob: Blob) -> bool:
        try:
            self._located_at(ref, blob, self._found.row(Source(ref.name, "packed")))
        except VfsError:
            return False
        return True

    def _heads(self, ref: RemoteRef, blobs: dict[int, Blob]) -> set[int]:
        keys = {ref.prefix + object_path(blob.digest): n for n, blob in blobs.items()}
        answers = self._workspace.session.remote(ref).heads([*keys])
        return {keys[key] for key, answer in answers if told(answer) is not None}


def estimate(
    workspace: Workspace,
    snapshot: Snapshot,
    tops: Iterable[bytes],
    *,
    ask: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> Estimate:
    """What reading everything at and below some paths would take; arguments as `Estimator`."""
    return Estimator(workspace, snapshot, ask=ask, progress=progress).run(tops)
