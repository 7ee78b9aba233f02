"""Which pointers a Git tree holds, and what is to be known about its blobs.

Rule: a tree object that was summarised once, in any commit of any repository, is not walked again
until the catalog forgets the summary. Facts about blobs are learned before the note that says so is
written, so a crash between the two costs a second look, never a missing size. Git's protocol gives no
size without the content: in a partial clone the blobs of unknown size are fetched, those of all new
trees together.

Bounds: paths longer than 4095 bytes are not followed (nobody could open them); a tree that
repeats itself (a "Git bomb") is summarised once, and `MAX_POINTERS` ends the walk below.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from vfs.core.paths import MAX_PATH
from vfs.errors import FormatError, RemoteError, StoreError
from vfs.git import MODE_SYMLINK, MODE_TREE, TreeItem
from vfs.types import Algorithm, Digest
from vfs.workspace.summary import (
    CONTENTS_KEY,
    LARGEST,
    NAMES_KEY,
    TIME_SIZE,
    Contents,
    Mark,
    Marked,
    decode_contents,
    decode_names,
    encode_contents,
    encode_names,
    first_seen,
    is_file,
    lfs_mark,
    mark_of,
    served_items,
    unique_items,
)

if TYPE_CHECKING:
    from vfs.catalog import Catalog
    from vfs.git import Repository

log = logging.getLogger("vfs.workspace")

MAX_POINTERS = 1_000_000
FETCHED_AT_ONCE = 1000
"""Blobs of a partial clone per conversation with its remote; what came is kept if the next one fails."""
_BATCH = 4096

T = TypeVar("T")

Progress = Callable[[str, int, int | None], object]


def silent(stage: str, done: int, total: int | None) -> None:
    """Progress that nobody asked for."""


class Found(NamedTuple):
    """A marked name with its whole path."""

    mark: Mark
    path: bytes
    oid: bytes


class Summaries:
    """Summaries of the trees of one repository."""

    def __init__(self, catalog: "Catalog", repository: "Repository", progress: Progress) -> None:
        self._catalog = catalog
        self._repository = repository
        self._progress = progress
        self._names: dict[bytes, tuple[Marked, ...]] = {}
        self._contents: dict[bytes, Contents] = {}
        self._seen = 0

    # Names ------------------------------------------------------------------------------------

    def names(self, tree: bytes) -> Iterator[Found]:
        """Every marked name below a tree, by path.

        Raises:
            StoreError: an object is missing or damaged.
            FormatError: there are more than `MAX_POINTERS`.
        """
        self._summarise_names(tree)
        for count, found in enumerate(_walk(tree, self._recall_names), 1):
            if count > MAX_POINTERS:
                raise FormatError(f"the commit holds more than {MAX_POINTERS} pointers")
            yield found

    def _recall_names(self, tree: bytes) -> tuple[Marked, ...]:
        if tree not in self._names:
            self._summarise_names(tree)
        return self._names[tree]

    def _summarise_names(self, root: bytes) -> None:
        """Summarise every tree below `root` that has no note yet, children first."""
        fresh: list[tuple[bytes, bytes]] = []
        for tree in _new_trees(root, self._subtrees, self._known_names):
            marked = []
            for item in unique_items(self._repository.read_tree(tree)):
                mark = mark_of(item)
                if mark is None or (mark is Mark.SUBTREE and not self._names[item.oid]):
                    continue
                marked.append(Marked(mark, item.name[:1024], item.oid))
            self._names[tree] = tuple(marked)
            fresh.append((NAMES_KEY + tree, encode_names(marked)))
            self._tick("trees")
        self._catalog.remember_many(fresh)

    def _known_names(self, trees: list[bytes]) -> list[bool]:
        missing = [tree for tree in trees if tree not in self._names]
        notes = self._catalog.recall_many([NAMES_KEY + tree for tree in missing])
        for tree, note in zip(missing, notes, strict=True):
            decoded = _sound(decode_names, note)
            if decoded is not None:
                self._names[tree] = decoded
        return [tree in self._names for tree in trees]

    def _subtrees(self, tree: bytes) -> list[bytes]:
        items = served_items(self._repository.read_tree(tree))
        return [i.oid for i in items if i.mode == MODE_TREE and i.name != b".dvc"]

    # Contents ---------------------------------------------------------------------------------

    def contents(self, tree: bytes, time: int) -> Contents:
        """Learn the size of every blob below a tree; `time` is what new ones were first seen at.

        Raises:
            StoreError: an object is missing or damaged.
            RemoteError: a partial clone's remote did not give a blob.
        """
        known = self._contents
        seen: dict[bytes, int] = {}

        def recall(trees: list[bytes]) -> list[bool]:
            missing = [one for one in trees if one not in known]
            notes = self._catalog.recall_many([CONTENTS_KEY + one for one in missing])
            for one, note in zip(missing, notes, strict=True):
                decoded = _sound(decode_contents, note)
                if decoded is not None:
                    known[one] = decoded
                seen[one] = first_seen(note, time)
            return [one in known for one in trees]

        fresh: list[tuple[bytes, bytes]] = []
        new = list(_new_trees(tree, self._all_subtrees, recall))
        if self._repository.partial:
            self.fetch(self._unsized(new))
        for one in new:
            known[one] = self._contents_of(one, time, known)._replace(time=seen[one])
            fresh.append((CONTENTS_KEY + one, encode_contents(known[one])))
            self._tick("files")
        self._catalog.remember_many(fresh)
        return known[tree]

    def special(self, tree: bytes, time: int) -> Iterator[Found]:
        """The blobs below a tree that may be LFS pointers or are missing; `time` as in `contents`."""
        return _walk(tree, lambda one: self.contents(one, time).marked)

    def _all_subtrees(self, tree: bytes) -> list[bytes]:
        items = served_items(self._repository.read_tree(tree))
        return [item.oid for item in items if item.mode == MODE_TREE]

    def fetch(self, oids: Iterable[bytes]) -> RemoteError | None:
        """Fetch those blobs that a partial clone lacks; what the remote said if it did not give all."""
        missing = [oid for oid in oids if not self._repository.has_object(oid)]
        for start in range(0, len(missing), FETCHED_AT_ONCE):
            self._progress("git-objects", start, len(missing))
            try:
                self._repository.ensure_blobs(missing[start : start + FETCHED_AT_ONCE])
            except RemoteError as error:
                log.warning("Git objects could not be fetched: %s", error)
                return error
        return None

    def _unsized(self, trees: list[bytes]) -> list[bytes]:
        """The blobs directly in these trees whose sizes the catalog does not know."""
        found: dict[bytes, None] = {}
        for tree in trees:
            oids = [item.oid for item in _blobs(self._repository.read_tree(tree))]
            facts = self._catalog.facts_many([Digest(Algorithm.GIT, oid) for oid in oids])
            found |= {oid: None for oid, fact in zip(oids, facts, strict=True) if fact is None}
        return list(found)

    def _contents_of(self, tree: bytes, time: int, known: dict[bytes, Contents]) -> Contents:
        items = served_items(self._repository.read_tree(tree))
        blobs = _blobs(items)
        sizes = self._learn([item.oid for item in blobs], time)
        marked: list[Marked] = []
        files, total = len(blobs), sum(size for size in sizes if size is not None)
        for item, size in zip(blobs, sizes, strict=True):
            mark = Mark.MISSING if size is None else lfs_mark(item, size)
            if mark is not None:
                marked.append(Marked(mark, item.name, item.oid))
        for item in items:
            if item.mode == MODE_TREE:
                below = known[item.oid]
                files, total = files + below.files, total + below.size
                if below.marked:
                    marked.append(Marked(Mark.SUBTREE, item.name, item.oid))
        return Contents(time, min(files, LARGEST), min(total, LARGEST), tuple(marked))

    def _learn(self, oids: list[bytes], time: int) -> list[int | None]:
        """Sizes of blobs, from the catalog or from the objects' headers; None if missing."""
        sizes: list[int | None] = []
        for start in range(0, len(oids), _BATCH):
            part = [Digest(Algorithm.GIT, oid) for oid in oids[start : start + _BATCH]]
            facts = self._catalog.facts_many(part)
            unknown = [d for d, fact in zip(part, facts, strict=True) if fact is None]
            fresh = self._headers(unknown)
            self._catalog.learn((digest, size, time) for digest, size in fresh.items())
            sizes += [
                fact[0] if fact is not None else fresh.get(d)
                for d, fact in zip(part, facts, strict=True)
            ]
        return sizes

    def _headers(self, digests: list[Digest]) -> dict[Digest, int]:
        """Sizes from the headers of those objects that the repository has."""
        repository = self._repository
        return {
            digest: repository.blob_size(digest.value)
            for digest in digests
            if repository.has_object(digest.value)
        }

    def _tick(self, stage: str) -> None:
        self._seen += 1
        if self._seen % 256 == 0:
            self._progress(stage, self._seen, None)


def _blobs(items: Iterable[TreeItem]) -> list[TreeItem]:
    """The files and symlinks of a tree that a snapshot shows."""
    served = served_items(items)
    return [item for item in served if is_file(item.mode) or item.mode == MODE_SYMLINK]


def _sound(decode: Callable[[bytes], T], note: bytes | None) -> T | None:
    """A decoded note; None if there is none, or no more than a time, or it is damaged (then it is made anew)."""
    try:
        return None if note is None or len(note) == TIME_SIZE else decode(note)
    except StoreError as error:
        log.warning("%s", error)
        return None


def _new_trees(
    root: bytes,
    subtrees: Callable[[bytes], list[bytes]],
    known: Callable[[list[bytes]], list[bool]],
) -> Iterator[bytes]:
    """Trees without a note, each once, children before parents (no recursion: trees are deep)."""
    done: set[bytes] = set()
    if known([root])[0]:
        return
    stack: list[tuple[bytes, list[bytes]]] = [(root, _unknown(subtrees(root), known))]
    while stack:
        tree, todo = stack[-1]
        if todo:
            child = todo.pop()
            if child not in done:
                stack.append((child, _unknown(subtrees(child), known)))
        else:
            stack.pop()
            if tree not in done:
                done.add(tree)
                yield tree


def _unknown(trees: list[bytes], known: Callable[[list[bytes]], list[bool]]) -> list[bytes]:
    unique = list(dict.fromkeys(trees))
    return [t for t, is_known in zip(unique, known(unique), strict=True) if not is_known]


def _walk(root: bytes, marked_of: Callable[[bytes], tuple[Marked, ...]]) -> Iterator[Found]:
    stack = [(b"", root)]
    while stack:
        directory, tree = stack.pop()
        for mark, name, oid in marked_of(tree):
            path = directory + b"/" + name if directory else name
            if mark is Mark.SUBTREE:
                if len(path) <= MAX_PATH:
                    stack.append((path, oid))
            else:
                yield Found(mark, path, oid)
