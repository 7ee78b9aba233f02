"""Scratch object stores: where trees of working-tree snapshots are built.

`<cache>/repositories/worktree-<hash of root>/` holds generations `g<n>`, each a bare repository
whose `objects/info/alternates` names the user's object directories, so only what differs from
them is written. A store that has grown past its limit is left behind for a new generation; old
ones are deleted once nobody holds them.

Rule: nothing is ever written into an object directory of the user. libgit2 "freshens" (touches)
an object that exists already instead of writing it, also in alternates, so every write asks first.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2

from vfs.errors import StoreError, Unsupported
from vfs.git.handles import open_libgit2
from vfs.git.locks import exclusive, hold_shared, in_use
from vfs.git.objects import TreeItem, encode_tree

MAX_BYTES = 1 << 30
MAX_OBJECTS = 50_000
_MAX_ALTERNATES = 64


class Lease:
    """Keeps a generation from being deleted while it lives."""

    def __init__(self, path: Path) -> None:
        self._descriptor = hold_shared(path)

    def __del__(self) -> None:
        os.close(self._descriptor)


class Scratch:
    """One generation, open for writing.

    Attributes:
        git_dir: the bare repository.
        lease: must be kept by whoever reads from it.
    """

    def __init__(self, git_dir: Path) -> None:
        self.git_dir = git_dir
        lock = git_dir / "vfs.lock"
        self.lease = Lease(lock)
        os.utime(lock)
        self._repository = open_libgit2(git_dir)
        self._odb = self._repository.odb

    def add_file(self, path: bytes) -> bytes:
        """Store a file's bytes as they are; returns the blob id (never held in memory whole)."""
        # Through its descriptor: libgit2's binding takes no name that is not UTF-8, and a file
        # that turned into a symlink since it was looked at is not followed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            name = f"/proc/self/fd/{descriptor}"
            oid = pygit2.hashfile(name)
            if not self._odb.exists(oid):
                oid = self._repository.create_blob_fromdisk(name)
            return oid.raw
        finally:
            os.close(descriptor)

    def add(self, kind: pygit2.enums.ObjectType, data: bytes) -> bytes:
        """Store an object; returns its id."""
        name = {pygit2.enums.ObjectType.BLOB: b"blob", pygit2.enums.ObjectType.TREE: b"tree"}[kind]
        header = b"%b %d\0" % (name, len(data))
        oid = pygit2.Oid(raw=hashlib.sha1(header + data, usedforsecurity=False).digest())
        if not self._odb.exists(oid):
            oid = self._odb.write(kind, data)
        return oid.raw

    def add_trees(self, files: dict[bytes, tuple[int, bytes]]) -> bytes:
        """Store the trees of {path: (mode, oid)}; returns the root's id."""
        open_trees: list[tuple[bytes, list[TreeItem]]] = [(b"", [])]
        for path in sorted(files, key=lambda path: path.replace(b"/", b"\0")):
            directory, _, name = path.rpartition(b"/")
            while not _contains(open_trees[-1][0], directory):
                self._close_tree(open_trees)
            while open_trees[-1][0] != directory:
                parent = open_trees[-1][0]
                start = len(parent) + 1 if parent else 0
                cut = directory.find(b"/", start)
                open_trees.append((directory if cut < 0 else directory[:cut], []))
            open_trees[-1][1].append(TreeItem(name, *files[path]))
        while len(open_trees) > 1:
            self._close_tree(open_trees)
        return self.add(pygit2.enums.ObjectType.TREE, encode_tree(open_trees[0][1]))

    def _close_tree(self, open_trees: list[tuple[bytes, list[TreeItem]]]) -> None:
        directory, items = open_trees.pop()
        oid = self.add(pygit2.enums.ObjectType.TREE, encode_tree(items))
        name = directory.rpartition(b"/")[2]
        open_trees[-1][1].append(TreeItem(name, 0o040000, oid))


def _contains(directory: bytes, other: bytes) -> bool:
    return not directory or other == directory or other.startswith(directory + b"/")


@contextmanager
def open_scratch(cache_dir: Path, root: Path, objects: Path) -> Iterator[Scratch]:
    """The scratch store of a working tree, held alone by this process while in the block.

    Raises:
        StoreError: it cannot be created.
        Unsupported: an object directory has a newline in its name.
    """
    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:32]
    home = cache_dir / "repositories" / f"worktree-{name}"
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with exclusive(home / "lock"):
            yield Scratch(_current_generation(home, objects))
    except (OSError, pygit2.GitError) as error:
        raise StoreError(f"scratch store {home}: {error}") from error


def _current_generation(home: Path, objects: Path) -> Path:
    numbers = sorted(
        int(entry.name[1:])
        for entry in home.iterdir()
        if entry.name.startswith("g") and entry.name[1:].isdigit()
    )
    for number in numbers[:-1]:
        old = home / f"g{number}"
        if not in_use(old / "vfs.lock"):
            shutil.rmtree(old)
    newest = numbers[-1] if numbers else 0
    generation = home / f"g{newest}"
    if not numbers or not _usable(generation) or _is_full(generation):
        generation = home / f"g{newest + 1}"
        pygit2.init_repository(str(generation), bare=True)
        (generation / "vfs.lock").touch()
    _write_alternates(generation, objects)
    return generation


def _usable(generation: Path) -> bool:
    """False for what a crash left half made."""
    return (generation / "vfs.lock").exists()


def _is_full(generation: Path) -> bool:
    total = number = 0
    for directory, _, names in os.walk(generation / "objects"):
        number += len(names)
        total += sum(os.lstat(os.path.join(directory, name)).st_size for name in names)
        if total > MAX_BYTES or number > MAX_OBJECTS:
            return True
    return False


def _write_alternates(generation: Path, objects: Path) -> None:
    lines = []
    for directory in object_directories(objects):
        line = os.fsencode(directory)
        if b"\n" in line:
            raise Unsupported(f"object directory {str(directory)!r} has a newline in its name")
        lines.append(line + b"\n")
    path = generation / "objects" / "info" / "alternates"
    data = b"".join(lines)
    if path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_bytes(data)
    temporary.replace(path)


def object_directories(objects: Path) -> list[Path]:
    """An object directory and, recursively, its alternates (gitrepository-layout), absolute."""
    found: list[Path] = []
    todo = [objects.resolve()]
    while todo and len(found) < _MAX_ALTERNATES:
        directory = todo.pop(0)
        if directory in found or not directory.is_dir():
            continue
        found.append(directory)
        try:
            lines = (directory / "info" / "alternates").read_bytes().splitlines()
        except OSError:
            continue
        todo += [
            (directory / os.fsdecode(line)).resolve()
            for line in lines
            if line and not line.startswith(b"#")
        ]
    return found
