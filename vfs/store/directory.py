"""The directory of a store: who may use it.

    <directory>/
        gate        flock: held exclusively while a process opens or closes the store
        users       flock: held shared by every process that uses the store
        boot        which boot of the machine last wrote the index without syncing it
        index/      LMDB environment
        segments/   payload

Rule: directories are 0700, files 0600; a directory that another user owns or may write to is refused.
"""

import os
import stat
from pathlib import Path

from vfs.errors import StoreError


def prepare(directory: Path) -> bool:
    """Create or check the directory of a store.

    Returns:
        Whether it can be written to; False also if it cannot be made.

    Raises:
        StoreError: another user could read, change or replace what lies there.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("index", "segments"):
            (directory / name).mkdir(mode=0o700, exist_ok=True)
        made = True
    except OSError:
        made = False
    for place in (directory, directory / "index", directory / "segments"):
        if os.path.lexists(place):
            _refuse_unsafe(place, may_be_link=place == directory)
        else:
            made = False
    return made and all(os.access(directory / name, os.W_OK) for name in (".", "index", "segments"))


def _refuse_unsafe(directory: Path, *, may_be_link: bool) -> None:
    """People may place their cache behind a link of their own, but nothing inside it."""
    try:
        found = os.stat(directory, follow_symlinks=may_be_link)
    except OSError as error:
        raise StoreError(f"cache directory {directory}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError(f"cache directory {directory} is not a directory")
    if found.st_uid != os.geteuid():
        raise StoreError(
            f"cache directory {directory} belongs to another user (uid {found.st_uid})",
            hint="set cache.dir in .vfs/local.yaml or VFS_CACHE_DIR to a directory of your own",
        )
    if found.st_mode & 0o022:
        raise StoreError(
            f"others may write to the cache directory {directory}", hint=f"chmod 700 {directory}"
        )
