"""What `dvc import` takes of its source: DVC's view of a directory or file in another repository.

Rules (tried with DVC 3.67, `dvc import` and `dvc pull` in a fresh clone):

* Only files: no executable bits (the importing pointer's `isexec` decides for a single file), no
  empty directories, no submodules.
* `*.dvc`, `dvc.yaml` and `.dvcignore` are left out, the data they name is there; `dvc.lock` stays.
* A symlink is a file. DVC reads a source through Git, where its text is its content, or, at the
  time of the import, from a working tree, where it is followed (one that leads to a directory is
  left out below an imported directory). The pointer's hash says which; without a hash it is the text.
"""

import posixpath
from collections.abc import Callable, Iterator
from typing import NamedTuple

from vfs.errors import VfsError
from vfs.types import Digest, Entry, Kind
from vfs.workspace.directory import Directory, TreeDirectory
from vfs.workspace.origins import GitOrigin
from vfs.workspace.session import Session

_MOST_LINKS = 40
_LEFT_OUT = (b"dvc.yaml", b".dvcignore")

Open = Callable[[bytes], Entry | Directory]
"""What the source has at a path of it; raises a VfsError."""


class Item(NamedTuple):
    """One file of a directory that is imported.

    Attributes:
        path: relative to the directory.
        entry: as the source has it; its name means nothing.
        digest: of the content, also where its size is unknown (and the entry broken).
    """

    path: bytes
    entry: Entry
    digest: Digest | None


def project(directory: Directory) -> list[Item]:
    """The files and symlinks below a directory that DVC would take, sorted by path."""
    found: list[Item] = []
    stack = [(b"", directory)]
    while stack:
        prefix, here = stack.pop()
        if isinstance(here, TreeDirectory):
            found += _of_tree(prefix, here)
            continue
        for entry, _ in here.entries():
            path = prefix + entry.name
            if _left_out(entry.name):
                continue
            if entry.kind is not Kind.DIRECTORY:
                found.append(Item(path, entry, entry.digest))
            elif (below := here.subdirectory(entry.name)) is not None:
                stack.append((path + b"/", below))
    found.sort(key=lambda item: item.path)
    return found


def _of_tree(prefix: bytes, directory: TreeDirectory) -> Iterator[Item]:
    skip = len(directory.prefix) + 1 if directory.prefix else 0
    for file in directory.tree.walk(directory.prefix):
        path = file.path[skip:]
        if not any(_left_out(name) for name in path.split(b"/")):
            yield Item(prefix + path, directory.entry(file, file.path), file.digest)


def _left_out(name: bytes) -> bool:
    return name.endswith(b".dvc") or name in _LEFT_OUT


def inside(directory: Directory, path: bytes) -> Entry | Directory | None:
    """What lies at a path below a directory; None for nothing."""
    found: Entry | Directory | None = directory
    for name in path.split(b"/") if path else ():
        if not isinstance(found, Directory):
            return None
        found = found.subdirectory(name) or found.lookup(name)
    return found


def follow(session: Session, link: Entry, path: bytes, open_path: Open) -> Entry | Directory | None:
    """What a symlink of the source leads to; None if that is nothing, or lies outside of the source.

    Args:
        session: knows the repository of the link.
        link: the symlink.
        path: where it lies in the source.
        open_path: what the source has at a path.
    """
    found: Entry | Directory = link
    for _ in range(_MOST_LINKS):
        if isinstance(found, Directory) or found.kind is not Kind.SYMLINK:
            return found
        origin = session.origins.all()[found.origin]
        if found.digest is None or not isinstance(origin, GitOrigin):
            return None
        text = session.git_blob(origin.git_dir, found.digest.value)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), text))
        if path.startswith((b"/", b"../")) or path in (b".", b".."):
            return None
        try:
            found = open_path(path)
        except VfsError:
            return None
    return None
