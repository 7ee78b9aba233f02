"""Temporary files of writers that were killed: in a cache, or in a directory that is a remote.

Rule: a writer holds a `flock` on its file, which ends with the writer, and it writes on: what somebody holds, or wrote to not long ago, is
left alone. Locks of another machine may not be seen here, so in a directory that several write to, long is a day.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from vfs.objects.incoming import entries, names_in

YOUNG: Final = 60.0
"""Seconds; it may not be locked yet."""
DAY: Final = 86_400.0
_OURS: Final = re.compile(r"\.vfs-([0-9a-f]+-[0-9]+\.tmp|put-[0-9a-f]{16})")  # `vfs.remotes.local`


class Leftover(NamedTuple):
    """One of them.

    Attributes:
        path: of the file.
        size: bytes.
    """

    path: str
    size: int


def places(cache: str, *, everywhere: bool = True) -> Iterator[str]:
    """Directories of a cache in which there may be some; without `everywhere` that of large ones."""
    base = os.path.join(cache, "files/md5")
    yield base
    for above in (base, cache) if everywhere else ():
        yield from (os.path.join(above, name) for name in names_in(above) if len(name) == 2)


def leftovers(directories: Iterable[str], older: float = YOUNG) -> Iterator[Leftover]:
    """Temporary files of ours in some directories, not below them, that nobody wrote to for so long (s)."""
    old = time.time() - older
    for directory in directories:
        with suppress(OSError):  # what cannot be looked at stays
            ours = [entry for entry in entries(directory) if _OURS.fullmatch(entry.name)]
            found = [(entry.path, entry.stat(follow_symlinks=False)) for entry in ours]
            yield from (Leftover(p, s.st_size) for p, s in found if s.st_mtime < old)


def removed(leftover: Leftover) -> bool:
    """Remove one unless its writer lives; whether it was removed."""
    try:
        descriptor = os.open(leftover.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(leftover.path)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
