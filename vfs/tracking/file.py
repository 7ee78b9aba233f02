"""What a walk of the working tree finds; by itself, since processes that read files load nothing of the walk."""

from typing import NamedTuple

from vfs.objects import Fingerprint


class File(NamedTuple):
    """A file of the working tree.

    Attributes:
        path: relative to the working tree.
        fingerprint: by its `stat`, symlinks followed.
        executable: whether anybody may execute it.
        link: whether a symlink leads to it.
    """

    path: bytes
    fingerprint: Fingerprint
    executable: bool
    link: bool
