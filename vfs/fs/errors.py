"""Answers of the file system that are not a failure of anything: a name is absent, an inode is a directory."""

import logging
import os

from vfs.errors import VfsError


class FsError(VfsError):
    """An errno the kernel expects as an ordinary answer (ENOENT, EISDIR, ENODATA, …)."""

    code = "fs-answer"
    log_level = logging.DEBUG

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.errno = number
