"""The facade on one Git repository.

Rule: thread-safe (one libgit2 handle per thread); reads only. Trees are parsed once and kept in
a cache bounded by their number of items. In a partial clone, reading an object that is not here
fetches it, and only then does a read use the network.
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Optional

import pygit2

from vfs.core.lru import Lru
from vfs.errors import FormatError, NotARepository, StoreError, VfsError
from vfs.git import history, lfs, revisions
from vfs.git.attributes import Attributes
from vfs.git.handles import Handle, Handles, discover_git_dir, open_libgit2, translated
from vfs.git.objects import (
    MODE_BLOB,
    MODE_COMMIT,
    MODE_EXECUTABLE,
    MODE_TREE,
    Commit,
    CommitInfo,
    ParsedTree,
    Submodule,
    TreeItem,
    parse_tree,
)
from vfs.git.promised import fetch_objects, promisor_remote
from vfs.git.scratch import open_scratch
from vfs.git.submodules import MAX_MODULES, submodule_urls
from vfs.git.worktree import WorkingTree, fingerprint, snapshot

CACHED_ITEMS = 200_000  # about 40 MiB of parsed trees at most
_HEX = frozenset("0123456789abcdef")


class Repository:
    """One repository.

    Attributes:
        git_dir: its Git directory (of a linked working tree, that tree's own).
        name: how it is called in messages; its Git directory unless somebody says otherwise.
        common_dir: where objects and refs live; the same except in linked working trees.
        root: the working tree; None if it is bare.
    """

    def __init__(
        self,
        git_dir: Path,
        *,
        origin: Optional["Repository"] = None,
        keep: object = None,
    ) -> None:
        """Open `git_dir`; use `discover` or `open` instead.

        `origin` is asked for objects missing here (a scratch store's user repository); `keep` is
        anything that must live as long as this object does.
        """
        self.git_dir = git_dir
        self.name = str(git_dir)
        self._handles = Handles(git_dir)
        repository = self._handle().repository
        self.root = Path(repository.workdir) if repository.workdir else None
        self.common_dir = _common_dir(git_dir)
        self._promisor = promisor_remote(repository)
        self._origin = origin
        self._keep = keep
        self._trees: Lru[bytes, ParsedTree] = Lru(CACHED_ITEMS)
        self._lock = threading.Lock()
        self._attributes = Attributes()

    @classmethod
    def discover(cls, path: Path) -> "Repository":
        """The repository that `path` lies in.

        Raises:
            NotARepository: there is none, or it belongs to another user.
            Unsupported: libgit2 cannot read its format (SHA-256, reftable).
        """
        return cls(discover_git_dir(path))

    @classmethod
    def open(cls, path: Path) -> "Repository":
        """The repository at exactly `path` (working tree, Git directory or bare).

        Raises:
            NotARepository: there is none, or it belongs to another user.
            Unsupported: libgit2 cannot read its format.
        """
        git_dir = path / ".git" if (path / ".git").exists() else path
        return cls(Path(open_libgit2(git_dir, search=False).path))

    def __repr__(self) -> str:
        return f"Repository({str(self.git_dir)!r})"

    def _handle(self) -> Handle:
        return self._handles.get()

    # Revisions -------------------------------------------------------------------------------

    def has(self, revision: str) -> bool:
        """Whether a revision resolves here."""
        try:
            self.resolve(revision)
        except VfsError:
            return False
        return True

    def resolve(self, rev: str) -> Commit:
        """The commit that any `git rev-parse` expression names; annotated tags are peeled.

        Raises:
            UnknownRevision: it names nothing, no commit, or looks like an option.
        """
        return revisions.resolve(self._handle().repository, self.git_dir, rev, self.name)

    def branches(self) -> list[tuple[str, str]]:
        """(name, commit oid) of the local branches, sorted."""
        return revisions.list_refs(self._handle().repository, b"refs/heads/")

    def remote_branches(self) -> list[tuple[str, str]]:
        """(remote/name, commit oid) of the remote-tracking branches, sorted."""
        return revisions.list_refs(self._handle().repository, b"refs/remotes/")

    def tags(self) -> list[tuple[str, str]]:
        """(name, commit oid) of the tags that lead to commits, sorted."""
        return revisions.list_refs(self._handle().repository, b"refs/tags/")

    def references(self) -> list[tuple[str, str]]:
        """(full name, commit oid) of the refs that lead to commits, sorted."""
        return revisions.list_refs(self._handle().repository, b"")

    def commits(self) -> Iterator[str]:
        """All commits (hex) that HEAD or a reference leads to, newest first."""
        starts = [oid for _, oid in self.references()]
        if self.has("HEAD"):
            starts.append(self.resolve("HEAD").oid)
        return history.every(self._handle().repository, starts)

    def log(
        self,
        path: bytes | None = None,
        start: str = "HEAD",
        max: int = 100,  # noqa: A002
    ) -> Iterator[CommitInfo]:
        """At most `max` commits from `start`, newest first; with a path, those that changed it.

        Raises:
            UnknownRevision: `start` names no commit.
        """
        commit = self.resolve(start)
        return history.log(self._handle().repository, commit.oid, path, max, self.find)

    # Objects ---------------------------------------------------------------------------------

    def read_tree(self, oid: bytes) -> Sequence[TreeItem]:
        """The items of a tree, in Git's order (loop-safe for small trees that are here).

        Names are as stored: a hostile repository may hold any bytes without NUL.

        Raises:
            StoreError: there is no such object, or it is damaged or not a tree.
            FormatError: it is malformed.
        """
        return self._tree(oid)

    def _tree(self, oid: bytes) -> ParsedTree:
        with self._lock:
            tree = self._trees.get(oid)
        if tree is None:
            kind, data = self._read(oid)
            if kind != pygit2.enums.ObjectType.TREE:
                raise StoreError(f"{self.git_dir}: object {oid.hex()} is not a tree")
            tree = parse_tree(data, oid=oid.hex())
            with self._lock:
                self._trees.put(oid, tree, len(tree) + 1)
        return tree

    def find(self, tree: bytes, path: bytes) -> TreeItem | None:
        """The item at `path` below a tree (oid); the tree itself for b""; None if there is none.

        Raises:
            StoreError: an object on the way is missing or damaged.
        """
        item = TreeItem(b"", MODE_TREE, tree)
        for name in path.split(b"/") if path else ():
            if item.mode != MODE_TREE:
                return None
            found = self._tree(item.oid).get(name)
            if found is None:
                return None
            item = found
        return item

    def blob_size(self, oid: bytes) -> int:
        """Bytes of a blob, from the object's header.

        Raises:
            StoreError: there is no such object.
            RemoteError: it was promised by a remote that does not give it.
        """
        wanted = pygit2.Oid(raw=oid)
        for _ in self._attempts(oid):
            with translated(f"{self.git_dir}: object {oid.hex()}"):
                try:
                    return int(self._handle().odb.read_header(wanted)[1])
                except KeyError:
                    continue
        raise self._missing(oid)

    def read_blob(self, oid: bytes, limit: int | None = None) -> bytes:
        """The bytes of a blob, exactly as stored (no filters, no line-end conversion).

        Args:
            oid: of the blob.
            limit: bytes that are read at most, for what will be parsed; more are not even unpacked.

        Raises:
            FormatError: it is larger than `limit`.
            StoreError: there is no such object, or it is damaged.
            RemoteError: it was promised by a remote that does not give it.
        """
        if limit is not None:
            size = self.blob_size(oid)
            if size > limit:
                raise FormatError(f"the Git blob has {size} bytes, at most {limit} are read")
        return self._read(oid)[1]

    def _read(self, oid: bytes) -> tuple[int, bytes]:
        wanted = pygit2.Oid(raw=oid)
        for _ in self._attempts(oid):
            with translated(f"{self.git_dir}: object {oid.hex()}"):
                try:
                    kind, data = self._handle().odb.read(wanted)
                    return kind, data
                except KeyError:
                    continue
        raise self._missing(oid)

    def _attempts(self, oid: bytes) -> Iterator[None]:
        """One attempt as things are; a second one after the object was fetched, if it can be."""
        yield
        if self._promisor is not None:
            fetch_objects(self.git_dir, self._promisor, [oid.hex()])
            yield
        elif self._origin is not None:
            self._origin.ensure_blobs([oid])
            yield

    def _missing(self, oid: bytes) -> StoreError:
        return StoreError(
            f"{self.git_dir}: object {oid.hex()} is missing",
            hint="a shallow or damaged clone? see `git fsck`",
        )

    def has_object(self, oid: bytes) -> bool:
        """True if the object is here (never fetches)."""
        return bool(self._handle().odb.exists(pygit2.Oid(raw=oid)))

    @property
    def partial(self) -> bool:
        """True if objects that are not here may be had from a remote (a partial clone)."""
        return self._promisor is not None or (self._origin is not None and self._origin.partial)

    def ensure_blobs(self, oids: Iterable[bytes]) -> None:
        """Fetch those of the objects that a partial clone does not have yet, in one batch.

        Raises:
            RemoteError: the remote did not give them.
        """
        missing = [oid.hex() for oid in oids if not self.has_object(oid)]
        if missing and self._promisor is not None:
            fetch_objects(self.git_dir, self._promisor, missing)
        elif missing and self._origin is not None:
            self._origin.ensure_blobs([bytes.fromhex(oid) for oid in missing])

    # Git LFS ---------------------------------------------------------------------------------

    def is_lfs(self, tree: bytes, path: bytes) -> bool:
        """True if the `.gitattributes` files of that tree say filter=lfs for the path."""
        return self._attributes.filter_of(self, tree, path) == b"lfs"

    def lfs_object_path(self, oid: str) -> Path:
        """Where the local LFS store keeps (or would keep) an object; honours `lfs.storage`.

        Raises:
            FormatError: `oid` is not 64 lower-case hexadecimal digits.
        """
        if len(oid) != 64 or not _HEX.issuperset(oid):
            raise FormatError(f"{oid!r} is not an LFS object id")
        config = self._handle().repository.config
        configured = config["lfs.storage"] if "lfs.storage" in config else None  # noqa: SIM401
        storage = self.common_dir / (configured or "lfs")
        return storage / "objects" / oid[:2] / oid[2:4] / oid

    def lfs_endpoint(self) -> str | None:
        """The URL of the LFS server, None if there is none; `.lfsconfig` is that of HEAD."""
        tracked = ""
        with contextlib.suppress(VfsError):
            item = self.find(self.resolve("HEAD").tree, b".lfsconfig")
            if item is not None and item.mode in (MODE_BLOB, MODE_EXECUTABLE):
                tracked = self.read_blob(item.oid, 1 << 16).decode("utf-8", "replace")
        config = lfs.flat_config(self._handle().repository.config)
        return lfs.endpoint(config, lfs.tracked_config(tracked))

    # Submodules ------------------------------------------------------------------------------

    def submodules(self, tree: bytes) -> list[Submodule]:
        """The gitlinks that `.gitmodules` of a tree declares and the tree has, sorted by path.

        Raises:
            FormatError: `.gitmodules` is larger than any that was ever needed.
        """
        item = self.find(tree, b".gitmodules")
        if item is None or item.mode in (MODE_TREE, MODE_COMMIT):
            return []
        found = []
        for path, url in sorted(submodule_urls(self.read_blob(item.oid, MAX_MODULES)).items()):
            link = self.find(tree, path)
            if link is not None and link.mode == MODE_COMMIT:
                found.append(Submodule(path, link.oid, url))
        return found

    # Working tree ----------------------------------------------------------------------------

    def snapshot_worktree(self, cache_dir: Path) -> tuple[bytes, "Repository"]:
        """What lies in the working tree now, as (tree oid, repository to read it from).

        Tracked files as they lie there (no filters), and pointers that are neither tracked nor
        ignored. Objects go to a scratch store below `cache_dir`; the user's repository is only
        read. The returned repository must be kept while the tree is in use.

        Raises:
            NotARepository: the repository is bare.
            Unsupported: libgit2 cannot read its index (split or sparse index).
            StoreError: the scratch store cannot be written.
        """
        root = self._require_root()
        tree = WorkingTree(root, self._handle().repository, self.git_dir)
        with open_scratch(cache_dir, root, self.common_dir / "objects") as scratch:
            oid = snapshot(tree, scratch, self.blob_size, self.read_blob)
            return oid, Repository(scratch.git_dir, origin=self, keep=scratch.lease)

    def worktree_fingerprint(self) -> bytes:
        """A value that changes when `snapshot_worktree` would give another tree (stat only).

        Raises:
            NotARepository: the repository is bare.
            Unsupported: libgit2 cannot read its index.
        """
        root = self._require_root()
        with translated(f"working tree {root}"):
            return fingerprint(WorkingTree(root, self._handle().repository, self.git_dir))

    def _require_root(self) -> Path:
        if self.root is None:
            raise NotARepository(
                f"{self.name} has no working tree", hint="name a branch, a tag or a commit"
            )
        return self.root


def _common_dir(git_dir: Path) -> Path:
    """Follow the `commondir` file of a linked working tree (gitrepository-layout)."""
    try:
        target = (git_dir / "commondir").read_text().strip()
    except FileNotFoundError:
        return git_dir
    return (git_dir / target).resolve()
