"""Reads snapshots completely, the way a mount would, but through the workspace alone."""

import hashlib
import os
from pathlib import Path

from vfs.errors import VfsError
from vfs.testing.trees import Node, Tree
from vfs.types import Blob, Entry, Kind
from vfs.workspace import Snapshot, Workspace


def content(workspace: Workspace, snapshot: Snapshot, path: bytes) -> bytes:
    """The bytes of a file or link, from the first place that has them."""
    entry = snapshot.resolve(path)
    assert isinstance(entry, Entry), path
    return content_of(workspace, snapshot, entry, path)


def content_of(workspace: Workspace, snapshot: Snapshot, entry: Entry, path: bytes) -> bytes:
    assert entry.digest is not None, (path, entry.problem)
    if entry.size == 0:
        return b""
    answers = []
    origin = snapshot.origins[entry.origin]
    for place in workspace.places_of(origin, Blob(entry.digest, entry.size)):
        descriptor = place.open_file()
        if descriptor is not None:
            with os.fdopen(descriptor, "rb") as file:
                return file.read()
        try:
            with place.get(0, entry.size) as body:
                data = bytearray()
                buffer = bytearray(65536)
                while count := body.readinto(memoryview(buffer)):
                    data += buffer[:count]
                return bytes(data)
        except VfsError as error:
            answers.append(str(error))
    raise AssertionError((path, entry, answers))


def tree_of(workspace: Workspace, snapshot: Snapshot) -> Tree:
    """Everything in a snapshot, as `vfs.testing.trees.capture` reads a checkout."""
    found: Tree = {}
    for path, entry in snapshot.walk():
        assert entry.kind is not Kind.BROKEN, (path, entry.problem)
        if entry.kind is Kind.DIRECTORY:
            found[path] = Node("directory")
            continue
        data = content_of(workspace, snapshot, entry, path)
        assert len(data) == entry.size, path
        if entry.kind is Kind.SYMLINK:
            found[path] = Node("symlink", False, len(data), os.fsdecode(data))
        else:
            executable = entry.kind is Kind.EXECUTABLE
            found[path] = Node("file", executable, len(data), hashlib.sha256(data).hexdigest())
    return found


def dvc_config(remote: Path) -> dict[str, bytes]:
    """A `.dvc/config` whose default remote is a directory."""
    text = f"[core]\nremote = store\n['remote \"store\"']\nurl = {remote}\n"
    return {".dvc/config": text.encode()}
