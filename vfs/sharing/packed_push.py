"""Pushing to a packed remote: outs -> packs and manifests (`vfs.packed.Pusher`).

Steps: which pointers have a manifest there; what is known of the remote, from manifests of earlier versions and tables of
packs; the files of the others, in path order; then their manifests.

Rules:

* A tracked directory goes as a whole, also where a target names a part of it: a manifest says all of its files.
* With `verify`, a pointer whose packs are not all there is pushed anew, and what of it is there is taken over.
* A file that the remote is known to have need not be here. One that is neither here nor there passes through from another
  remote (`vfs.sharing.elsewhere`). What cannot be had or is damaged is named; its pointer gets no manifest, and the rest goes.

Memory: as `Pusher` and `Known`, and the listing of one directory.
"""

import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import BinaryIO, Final, NamedTuple, cast

from vfs.errors import ContentMismatch, DataUnavailable, FormatError, ObjectMissing, VfsError
from vfs.objects import ObjectCache
from vfs.packed import (
    Item,
    Known,
    PackedRemote,
    Pointer,
    Pusher,
    learn_packs,
)
from vfs.packed.known import list_packs
from vfs.sharing.elsewhere import AHEAD, Elsewhere
from vfs.sharing.layout import open_layout
from vfs.sharing.plain import damaged
from vfs.tracking.caches import Caches
from vfs.tracking.report import Report, Trouble
from vfs.tracking.uses import Use, uses
from vfs.types import Digest
from vfs.workspace import Workspace
from vfs.workspace.outs import COMMIT_IT, UNHASHED
from vfs.workspace.pointers import Progress
from vfs.workspace.stores import RemoteRef
from vfs.workspace.workspace import WORKTREE

_VERSIONS: Final = 4
"""Earlier versions of an out that are looked for on the remote."""
_OUTS: Final = 16
"""Outs whose history is looked at, the largest first."""


class Wrong(NamedTuple):
    """What is known to be wrong on a remote (`vfs fsck`).

    Attributes:
        packs: damaged or gone; nothing that is pushed counts on them.
        pointers: their manifests are.
    """

    packs: frozenset[bytes] = frozenset()
    pointers: frozenset[Pointer] = frozenset()


class _Wanted(NamedTuple):
    """A file to push, and what will bring it if it is neither here nor there."""

    path: bytes
    digest: Digest
    here: "_Here | None"
    coming: Future[ObjectCache | None] | None


class _Here(NamedTuple):
    """A cache that has an object, and its size."""

    cache: ObjectCache
    size: int


class PackedPush:
    """The outs that go from one store to one packed remote; use it once, in one thread.

    Args:
        workspace: the repository.
        ref: the remote.
        caches: of the store.
        elsewhere: the store's other remotes.
        report: filled.
        progress: told ("files", done, None).
        verify: do not believe that the packs of a manifest are there.
        wrong: what is known not to be right there.
    """

    def __init__(
        self,
        workspace: Workspace,
        ref: RemoteRef,
        caches: Caches,
        elsewhere: Elsewhere,
        report: Report,
        progress: Progress,
        *,
        verify: bool,
        wrong: Wrong | None = None,
    ) -> None:
        self._workspace = workspace
        self._layout = open_layout(workspace, ref)
        self._store = PackedRemote(workspace.session.remote(ref))
        self._caches = caches
        self._elsewhere = elsewhere
        self._report = report
        self._progress = progress
        self._verify = verify
        self._wrong = wrong or Wrong()
        self._broken: list[Pointer] = []  # their manifests say what they should have
        self._known = Known()
        self._files = 0

    def push(self, found: Sequence[Use]) -> None:
        """Push what is missing.

        Raises:
            RemoteError: the remote is down or refuses us.
        """
        wanted: dict[Pointer, Use] = {}
        for use in found:
            if use.out.digest is None:
                self._trouble(use.out.path, ObjectMissing(UNHASHED, hint=COMMIT_IT))
            else:
                wanted.setdefault(Pointer(use.out.digest, use.out.is_tree), use)
        self._layout.prepare()
        there = self._store.present(wanted)
        if self._verify:
            there = self._whole(there)
        self._report.present += len(there)
        todo = {pointer: use for pointer, use in wanted.items() if pointer not in there}
        self._meet(found)
        if todo:
            self._send(todo)

    def _whole(self, pointers: set[Pointer]) -> set[Pointer]:
        """Those whose packs are all there; of the others as much is taken over as is right."""
        wrong = self._wrong
        listed = list_packs(self._store)
        packs = {entry.pack for entry in listed if entry.pack.id not in wrong.packs}
        sound = set()
        for pointer in pointers - wrong.pointers:
            with suppress(FormatError, ObjectMissing):
                manifest = self._store.manifest(pointer)
                if packs.issuperset(manifest.root.packs):
                    sound.add(pointer)
                else:
                    self._elsewhere.know(manifest)
                    self._broken.append(pointer)
        return sound

    def _meet(self, found: Sequence[Use]) -> None:
        """Note which targets inside directories mean something."""
        for use in found:
            if use.wanted.inside is not None and self._has_listing(use):
                for _ in use.files(self._caches):
                    pass

    def _has_listing(self, use: Use) -> bool:
        digest = use.out.digest
        assert digest is not None
        if self._caches.holder(digest, is_tree=True) is not None:
            return True
        cache = self._elsewhere.bring(digest, is_tree=True)
        if cache is not None and cache not in self._caches.all:
            self._caches.all.append(cache)
        return cache is not None

    # Sending --------------------------------------------------------------------------------------

    def _send(self, todo: dict[Pointer, Use]) -> None:
        for pointer in todo:
            self._elsewhere.note(pointer)
        self._known = learn_packs(
            self._store,
            [*self._broken, *self._bases(list(todo.values()))],
            expected=sum(self._size(use) for use in todo.values()),
            damaged=self._wrong.packs,
            jobs=self._workspace.settings.jobs,
        )
        pusher = Pusher(self._store, self._known, replace=self._verify, progress=self._tick)
        count = 0
        with pusher, ThreadPoolExecutor(self._workspace.settings.jobs, "vfs-elsewhere") as pool:
            for pointer, use in todo.items():
                count += self._add(pusher, pointer, use, pool)
            done = pusher.finish()
        self._report.files += done.read_files + count
        self._report.size += done.sent_bytes
        self._report.present += done.files - done.read_files - done.same_files

    def _tick(self, done: int, sent: int) -> None:
        self._progress("files", self._files, None)

    def _add(self, pusher: Pusher, pointer: Pointer, use: Use, pool: ThreadPoolExecutor) -> bool:
        before = len(self._report.troubles)
        try:
            wrong = partial(self._damaged, use)
            pusher.add(pointer, self._items(use, self._entries(use), pool), wrong)
        except (ContentMismatch, FormatError, DataUnavailable) as error:
            if len(self._report.troubles) == before:
                self._trouble(use.out.path, error)
            return False
        return True

    def _entries(self, use: Use) -> Iterator[tuple[bytes, Digest]]:
        """(path, digest) by path; a list of bytes takes a third of what a list of pairs does."""
        digest = use.out.digest
        assert digest is not None
        if not use.out.is_tree:
            yield b"", digest
            return
        if not self._has_listing(use):
            raise _missing()
        rows = sorted(b"%b\0%b" % (e.path, e.digest.value) for e in self._caches.listing(digest))
        length = len(digest.value)
        for row in rows:
            yield row[: -length - 1], Digest(digest.algorithm, row[-length:])

    def _items(
        self, use: Use, entries: Iterator[tuple[bytes, Digest]], pool: ThreadPoolExecutor
    ) -> Iterator[Item]:
        """The files; those that must come from elsewhere are fetched some files ahead."""
        before = len(self._report.troubles)
        ahead: deque[_Wanted] = deque()
        most = self._workspace.settings.jobs
        while True:
            for path, digest in islice(entries, most - len(ahead)):
                here = coming = None
                if self._known.file(*digest) is None:
                    here = self._here(digest)
                    if here is None:
                        coming = pool.submit(self._elsewhere.bring, digest, most=AHEAD)
                ahead.append(_Wanted(path, digest, here, coming))
            if not ahead:
                break
            item = self._item(use, ahead.popleft())
            if item is not None:
                self._files += 1
                yield item
        if len(self._report.troubles) > before:
            raise DataUnavailable("files of it are missing")

    def _item(self, use: Use, wanted: _Wanted) -> Item | None:
        path, digest, here, coming = wanted
        rows = self._known.file(*digest)
        if rows is not None:
            size = sum(self._known.place(row).plain for row in rows)
            return Item(path, digest, size, _never)
        if here is not None:
            opened: Callable[[], BinaryIO] = partial(_open, here.cache, digest)
            return Item(
                path, digest, here.size, opened, portable=here.cache is not self._caches.homes
            )
        else:
            cache = coming.result() if coming is not None else None
            if cache is None:
                cache = self._elsewhere.bring(digest)
            here = None if cache is None else _here(cache, digest)
            if here is None:
                self._trouble(_shown(use, path), self._caches.nowhere(digest))
                return None
            opened = partial(self._passing, here.cache, digest)
        return Item(path, digest, here.size, opened)

    def _passing(self, cache: ObjectCache, digest: Digest) -> BinaryIO:
        return cast("BinaryIO", _Passing(cache.open(digest), digest, self._elsewhere))

    def _here(self, digest: Digest) -> _Here | None:
        """Where an object is here; the pusher hashes it."""
        return next((found for one in self._caches.readable if (found := _here(one, digest))), None)

    def _damaged(self, use: Use, item: Item, error: ContentMismatch) -> None:
        here = self._here(item.digest)
        if here is not None:
            error = damaged(here.cache.path(item.digest), item.digest, here.cache.mends)
        self._trouble(_shown(use, item.path), error)

    def _trouble(self, path: bytes, error: VfsError) -> None:
        self._report.troubles.append(Trouble(path, error))

    # What is there --------------------------------------------------------------------------------

    def _size(self, use: Use) -> int:
        """Bytes of an out; 0 if nobody knows."""
        if use.out.size is not None or use.out.digest is None:
            return use.out.size or 0
        if not use.out.is_tree:
            return self._size_here(use.out.digest)
        if self._caches.holder(use.out.digest, is_tree=True) is None:
            return 0
        return sum(self._size_here(entry.digest) for entry in self._caches.listing(use.out.digest))

    def _size_here(self, digest: Digest) -> int:
        here = self._here(digest)
        return here.size if here is not None else 0

    def _bases(self, found: Sequence[Use]) -> list[Pointer]:
        """For each out the latest earlier version that the remote has, by the history of its pointer."""
        largest = sorted(found, key=lambda use: -(use.out.size or 0))[:_OUTS]
        earlier = {use.out.path: list(self._earlier(use)) for use in largest}
        there = self._store.present(dict.fromkeys(p for some in earlier.values() for p in some))
        there -= self._wrong.pointers
        bases = (next((p for p in some if p in there), None) for some in earlier.values())
        return list(dict.fromkeys(base for base in bases if base is not None))

    def _earlier(self, use: Use) -> Iterator[Pointer]:
        """What the pointer said in the commits that changed it, the latest first."""
        repository = self._workspace.repository
        start = "HEAD" if use.rev == WORKTREE else use.rev
        if not repository.has(start):
            return
        commits = repository.log(use.claim.pointer, start, _VERSIONS)
        for commit in commits:
            survey = self._workspace.survey(commit.oid)
            for one in uses(survey, commit.oid, ())[1]:
                digest = one.out.digest
                if one.out.path == use.out.path and digest not in (None, use.out.digest):
                    assert digest is not None
                    yield Pointer(digest, one.out.is_tree)


class _Passing(io.FileIO):
    """An object of the spool, gone when it was read."""

    def __init__(self, descriptor: int, digest: Digest, elsewhere: Elsewhere) -> None:
        super().__init__(descriptor, "rb")
        self._digest = digest
        self._elsewhere = elsewhere

    def close(self) -> None:
        """Close and remove it."""
        if not self.closed:
            super().close()
            self._elsewhere.done(self._digest)


def _here(cache: ObjectCache, digest: Digest) -> _Here | None:
    size = cache.size(digest)
    return None if size is None else _Here(cache, size)


def _shown(use: Use, path: bytes) -> bytes:
    """The path of a file of an out in the repository."""
    return b"/".join(part for part in (use.out.path, path) if part)


def _open(cache: ObjectCache, digest: Digest) -> BinaryIO:
    return open(cache.open(digest), "rb", buffering=0)


def _missing() -> DataUnavailable:
    return DataUnavailable(
        "it is neither in the cache nor on any remote",
        hint="run `vfs push` where it is",
    )


def _never() -> BinaryIO:
    raise AssertionError("what the remote has is not opened")
