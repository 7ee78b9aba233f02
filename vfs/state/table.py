"""The LMDB environment in the Git directory of a working tree.

    <git dir>/vfs/state/     tables: files, seen, outs, clean

Rule: damage or a lost directory is repaired by starting afresh.
"""

import logging
import shutil
from pathlib import Path
from typing import Final

from vfs.errors import StoreError
from vfs.lmdb import Damaged, Environment, Form

MAP_SIZE: Final = 1 << 28  # address space; grows by itself
log = logging.getLogger("vfs.state")


class StateTable(Environment):
    """Tables `files` (path -> fingerprint, digest) `seen` (remote, digest -> when), `outs` (path -> digest), `clean` (path -> digest, what was there)."""

    form = Form(
        name="state table",
        tables=("files", "seen", "outs", "clean"),
        repeating=(),
        hint="it may be deleted: files are then read again",
        options={"sync": False, "metasync": False},
    )

    @classmethod
    def open(cls, directory: Path) -> "StateTable":
        """Open or create it; one that is damaged is replaced by an empty one.

        Raises:
            StoreError: it can neither be opened nor made.
        """
        for last in (False, True):
            try:
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                return cls(directory, map_size=MAP_SIZE)
            except OSError as error:
                raise StoreError(f"state table {directory}: {error.strerror}") from error
            except Damaged as error:
                if last:
                    raise
                log.warning("%s; starting afresh", error)
                shutil.rmtree(directory, ignore_errors=True)
        raise AssertionError("unreachable")


def state_directory(git_dir: Path) -> Path:
    """Where the state of a working tree lies; `git_dir` is that of the (linked) working tree itself."""
    return git_dir / "vfs" / "state"
