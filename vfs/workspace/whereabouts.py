"""Where the bytes of contents are: the chunk store, this machine, which remote; without asking a remote.

Rule: blocking. What is found is of this moment, and nothing is read but the index of the chunk store, names of files and configuration.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from vfs.core.ranges import block_count, run_length
from vfs.errors import AccessDenied, RemoteError, RemoteUnavailable, VfsError
from vfs.objects import ObjectCache
from vfs.objects.presence import absent
from vfs.packed import Located
from vfs.state.homes import homes_directory
from vfs.store import BAD, BAD_FILE, VERIFIED, ChunkStore
from vfs.transfer import Place
from vfs.transfer.blocks import WHOLE_SIZE, Keys, here, kept_editions, locate_run, verdict
from vfs.transfer.local_file import open_local
from vfs.types import Algorithm, Blob
from vfs.workspace.home_place import HomePlace
from vfs.workspace.origins import DvcOrigin, GitOrigin, Origin
from vfs.workspace.places import FilePlace, GitPlace, PackedRemotePlace, RemotePlace
from vfs.workspace.session import Session
from vfs.workspace.workspace import Workspace

STEP: Final = 4096
"""Blocks, or contents, looked up at once."""

_MD5: Final = (Algorithm.MD5, Algorithm.MD5_DOS2UNIX)


class Resident(NamedTuple):
    """What the chunk store has of a content.

    Attributes:
        size: bytes of it that are there.
        lacking: runs of blocks that are not.
        segments: numbers of the segments that hold the others.
        verified: `yes`, `no`, `bad`: whether all of it was compared with its digest.
    """

    size: int
    lacking: list[range]
    segments: list[int]
    verified: str


def resident(store: ChunkStore, blob: Blob) -> Resident:
    """Look up one content (with its scope)."""
    keys = _keys(store, blob)
    size, lacking, segments = 0, list[range](), set[int]()
    for first in range(0, block_count(blob.size), STEP):
        count = min(STEP, block_count(blob.size) - first)
        for block, extent in enumerate(locate_run(store, keys, first, count), first):
            if extent is not None:
                size += run_length(blob.size, range(block, block + 1))
                segments.add(extent.segment.number)
            elif lacking and lacking[-1].stop == block:
                lacking[-1] = range(lacking[-1].start, block + 1)
            else:
                lacking.append(range(block, block + 1))
    return Resident(size, lacking, sorted(segments), _verified(store, blob, size))


def _keys(store: ChunkStore, blob: Blob) -> Keys:
    return Keys(blob.proven_key, tuple(kept_editions(store, blob).values()))


def _verified(store: ChunkStore, blob: Blob, size: int) -> str:
    found = verdict(store, blob)
    if found in (BAD, BAD_FILE):
        return "bad"
    small = blob.size <= WHOLE_SIZE and size == blob.size  # it was compared before it was kept
    return "yes" if small or found == VERIFIED else "no"


def lacking_of(store: ChunkStore, blobs: Sequence[Blob]) -> list[Sequence[int]]:
    """The blocks that the chunk store lacks of some contents (with their scopes), in as few look-ups as may be."""
    found: list[Sequence[int]] = [()] * len(blobs)
    counts = [block_count(blob.size) if blob.size <= WHOLE_SIZE else 0 for blob in blobs]
    keys = [
        blob.proven_key + block.to_bytes(4, "big")
        for blob, count in zip(blobs, counts, strict=True)
        for block in range(count)
    ]
    there = store.contains_many(keys)
    position = 0
    for n, count in enumerate(counts):
        answers = there[position : position + count]
        position += count
        if not all(answers):
            found[n] = [block for block, is_here in enumerate(answers) if not is_here]
    for n, blob in enumerate(blobs):
        if blob.size > WHOLE_SIZE:
            every, of = range(block_count(blob.size)), _keys(store, blob)
            found[n] = [
                block
                for first in range(0, len(every), STEP)
                for block, is_here in zip(
                    every[first : first + STEP],
                    here(store, of, every[first : first + STEP]),
                    strict=True,
                )
                if not is_here
            ]
    return found


class Source(NamedTuple):
    """Where a content comes from that the chunk store lacks.

    Attributes:
        label: of the place; "" if there is none.
        layout: `file` (read where it lies), `git` (of this machine, but through the chunk store), `packed`, `plain`.
    """

    label: str
    layout: str

    @property
    def remote(self) -> bool:
        """Whether it is asked over a connection."""
        return self.layout in ("packed", "plain")


class Sources:
    """Finds the first place of many contents."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._session = workspace.session

    def of(self, origin: Origin, blobs: Sequence[Blob]) -> list[Source]:
        """The source of each of some contents of one origin."""
        if isinstance(origin, GitOrigin):
            return [Source("git", "git")] * len(blobs)
        if isinstance(origin, DvcOrigin):
            return self._of_dvc(origin, blobs)
        return [self._first(self._workspace.places_of(origin, blob)) for blob in blobs]

    def _of_dvc(self, origin: DvcOrigin, blobs: Sequence[Blob]) -> list[Source]:
        store = self._session.renewal.store(origin.store)
        remote = next(
            (Source(ref.name, "packed") for ref in store.packed),
            next(
                (
                    Source(ref.name, "plain")
                    for ref in store.ordered(origin.remote)
                    if ref.worktree or not ref.versioned
                ),
                Source("", ""),
            ),
        )
        caches = [ObjectCache(directory) for directory in store.caches]
        gone = absent(caches, [blob.digest for blob in blobs if blob.digest.algorithm in _MD5])
        if store.homes[0] and homes_directory(Path(store.homes[1])).is_dir():
            homes = {
                blob.digest
                for blob in blobs
                if blob.digest in gone and HomePlace(store, blob).is_here()
            }
        else:
            homes = set()
        own = Source(HomePlace.label, "git")
        return [
            Source("dvc-cache", "file")
            if blob.digest not in gone
            else own
            if blob.digest in homes
            else remote
            for blob in blobs
        ]

    def _first(self, places: Sequence[Place]) -> Source:
        for place in places:
            if place.local and isinstance(place, FilePlace):
                if place.is_here():
                    return Source(place.label, "file")
            else:
                return Source(place.label, layout_of(place))
        return Source("", "")


def layout_of(place: Place) -> str:
    """How a place keeps contents."""
    if isinstance(place, FilePlace):
        return "file"
    if isinstance(place, GitPlace) or place.local:
        return "git"
    return "packed" if isinstance(place, PackedRemotePlace) else "plain"


class Told(NamedTuple):
    """A place of a content, for people.

    Attributes:
        label: its name.
        where: the same with URL and key, without credentials.
        layout: as of a `Source`.
        local: whether it is on this machine.
        here: whether the content is there; None: nobody asked, or it gave no answer.
        note: what it answered, or why it cannot be asked.
        packs: of a packed remote that was asked: the chunks' packs.
        located: the same, for a plan.
    """

    label: str
    where: str
    layout: str
    local: bool
    here: bool | None
    note: str = ""
    located: Located | None = None


def told_places(
    session: Session, places: Iterable[Place], blob: Blob, *, ask: bool
) -> Iterator[Told]:
    """The places of a content, best first; remotes are asked only with `ask`."""
    for place in places:
        told_of = Told(place.label, place.where, layout_of(place), place.local, None)
        if place.local:
            yield told_of._replace(here=place.is_here())
        elif not ask:
            yield told_of
        else:
            yield _asked(session, place, blob, told_of)


def _asked(session: Session, place: Place, blob: Blob, found: Told) -> Told:
    try:
        if isinstance(place, PackedRemotePlace):
            located = session.packed(place.ref).located(blob)
            return found._replace(here=True, located=located)
        if isinstance(place, RemotePlace):
            info = place.head()
            if info is None:
                return found._replace(here=False)
            wrong = "" if info.size == blob.size else f"it has {info.size} bytes there"
            return found._replace(here=True, note=wrong)
        with place.get(0, 1) as body:  # whatever it is, it has to be found first
            body.readinto(memoryview(bytearray(1)))
        return found._replace(here=True)
    except (RemoteUnavailable, AccessDenied) as error:  # it may have it
        return found._replace(note=error.message)
    except RemoteError as error:
        return found._replace(here=False, note=error.message)
    except VfsError as error:
        return found._replace(note=error.message)


def verified_file(store: ChunkStore, blob: Blob, places: Sequence[Place]) -> bool:
    """Whether a plain file of this machine has the content and was compared with its digest as it is now."""
    with suppress(VfsError, OSError):
        file = open_local(blob, lambda: places, store)
        return file is not None and file.verdict(store) == VERIFIED
    return False
