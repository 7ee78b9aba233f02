"""Git LFS objects: those of the repository's own store, then those of its LFS server.

Rule: the server is asked when bytes are wanted, never before. Only a repository without one has
files that nobody can serve: they keep their names and sizes, reading them fails, and works as soon
as the object lies in the store. At most `MOST_LISTED` are told one by one.
"""

import os
from collections.abc import Sequence

from vfs.core.paths import show
from vfs.errors import ContentMismatch, ObjectMissing
from vfs.git import Repository
from vfs.remotes.lfs import lfs_key
from vfs.transfer import Body, Place
from vfs.types import Blob, Problem
from vfs.workspace.places import FilePlace
from vfs.workspace.session import Session

MOST_LISTED = 100
_OWN = "`git lfs fetch` in the repository brings it"
_FOREIGN = "clone the repository, run `git lfs pull` there, and mount the clone"


class LfsServerPlace:
    """An object on a repository's LFS server."""

    local = False
    label = "git-lfs"

    def __init__(self, session: Session, git_dir: str, blob: Blob) -> None:
        self.where = f"git-lfs server: {blob.digest.hex}"
        self._session = session
        self._git_dir = git_dir
        self._blob = blob

    def open_file(self) -> int | None:
        """It is elsewhere."""
        return None

    def is_here(self) -> bool:
        """It is elsewhere."""
        return False

    def get(self, start: int, length: int, *, etag: str = "") -> Body:
        """A range of the object.

        Raises:
            ContentMismatch: the object has another size than its pointer says.
            RemoteError: as the server answered.
        """
        remote = self._session.lfs(self._git_dir)
        if remote is None:
            raise ObjectMissing(f"{self.where}: no LFS server is configured")
        body = remote.get(lfs_key(self._blob.digest.hex, self._blob.size), start, length, etag=etag)
        if body.size == self._blob.size:
            return body
        body.close()
        raise ContentMismatch(
            f"{self.where} has {body.size} bytes, its pointer says {self._blob.size}"
        )


def lfs_places(session: Session, git_dir: str, blob: Blob, *, foreign: bool) -> list[Place]:
    """Where the object of a file is, or would be; best first."""
    repository = session.repository(git_dir)
    path = repository.lfs_object_path(blob.digest.hex)
    top = str(path.parents[2])
    hint = _FOREIGN if foreign else _OWN
    places: list[Place] = [FilePlace(str(path), blob.size, "git-lfs", top=top, hint=hint)]
    if session.lfs(git_dir) is not None:
        places.append(LfsServerPlace(session, git_dir, blob))
    return places


def lfs_problems(
    repository: Repository, files: Sequence[tuple[bytes, Blob]], *, foreign: bool
) -> list[Problem]:
    """What to say about those of the files that neither the disk nor a server can have; touches the disk."""
    if not files or repository.lfs_endpoint() is not None:
        return []
    hint = _FOREIGN if foreign else _OWN
    absent = []
    for path, blob in files:
        place = repository.lfs_object_path(blob.digest.hex)
        if not os.path.isfile(place):
            absent.append((path, f"its Git LFS object {blob.digest.hex} is not at {place}"))
    found = [
        Problem(path, "lfs-object-missing", f"{message}, and no LFS server is configured", hint)
        for path, message in absent[:MOST_LISTED]
    ]
    if len(absent) > MOST_LISTED:
        path = absent[MOST_LISTED][0]
        message = f"{show(path)} and the like: {len(absent) - MOST_LISTED} more Git LFS objects are missing"
        found.append(Problem(path, "lfs-object-missing", message, hint))
    return found
