"""Git LFS objects: those of the repository's own store, and what is said about those not there.

Rule: no LFS server is asked. A file whose object is missing keeps its name and size; reading it
fails, and works as soon as the object lies in the store. At most `MOST_LISTED` are told one by one.
"""

import os
from collections.abc import Sequence

from vfs.core.paths import show
from vfs.git import Repository
from vfs.types import Blob, Problem
from vfs.workspace.places import FilePlace

MOST_LISTED = 100
_OWN = "`git lfs fetch` in the repository brings it"
_FOREIGN = "clone the repository, run `git lfs pull` there, and mount the clone"


def lfs_place(repository: Repository, blob: Blob, *, foreign: bool) -> FilePlace:
    """Where the object of a file is, or would be."""
    path = repository.lfs_object_path(blob.digest.hex)
    return FilePlace(str(path), blob.size, "git-lfs", hint=_FOREIGN if foreign else _OWN)


def lfs_problems(
    repository: Repository, files: Sequence[tuple[bytes, Blob]], *, foreign: bool
) -> list[Problem]:
    """What to say about those of the files whose objects are not here; touches the disk."""
    hint = _FOREIGN if foreign else _OWN
    absent = []
    for path, blob in files:
        place = repository.lfs_object_path(blob.digest.hex)
        if not os.path.isfile(place):
            absent.append((path, f"its Git LFS object {blob.digest.hex} is not at {place}"))
    found = [
        Problem(path, "lfs-object-missing", f"{message}, and vfs asks no LFS server", hint)
        for path, message in absent[:MOST_LISTED]
    ]
    if len(absent) > MOST_LISTED:
        path = absent[MOST_LISTED][0]
        message = f"{show(path)} and the like: {len(absent) - MOST_LISTED} more Git LFS objects are missing"
        found.append(Problem(path, "lfs-object-missing", message, hint))
    return found
