"""The LMDB environment in the Git directory of a working tree.

    <git dir>/vfs/state/     tables: files, seen, outs, clean

Rules: damage or a lost directory is repaired by starting afresh; a verb that only saves time by it goes on without (`spare`).
"""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from vfs.errors import StoreError
from vfs.lmdb import Damaged, Environment, Form, refused
from vfs.mount_table import in_view

MAP_SIZE: Final = 1 << 28  # address space; grows by itself
log = logging.getLogger("vfs.state")


class StateTable(Environment):
    """Tables `files` (path -> fingerprint, digest) `seen` (remote, listing -> when), `outs` (path -> digest), `clean` (path -> digest, what was there).

    Attributes:
        spare: the verb needs none of it: what cannot be written is not remembered.
    """

    spare = False

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
                raise refused(f"state table {directory}", error) from error
            except Damaged as error:
                if last:
                    raise
                log.warning("%s; starting afresh", error)
                shutil.rmtree(directory, ignore_errors=True)
        raise AssertionError("unreachable")

    def remember(self, function: Callable[[Any], object]) -> None:
        """`write` what saves time later. Raises as that, unless the table is spare."""
        try:
            self.write(function)
        except Damaged:
            raise
        except StoreError as error:
            if not self.spare:
                raise
            log.info("%s; going on without", error)


@contextmanager
def own_table(top: bytes | Path, git_dir: Path) -> Iterator[StateTable]:
    """The table of a working tree for a verb that changes it; in a private view an empty one that goes with the verb, since what was made there is not in the tree. Raises StoreError."""
    with ExitStack() as stack:
        directory = _temporary(stack) if in_view(top) else state_directory(git_dir)
        table = StateTable.open(directory)
        stack.callback(table.close)
        yield table


@contextmanager
def spare_table(git_dir: Path) -> Iterator[StateTable]:
    """The table of a working tree for a verb that can do without: opened for reading, or an empty one elsewhere, where there is no other way."""
    directory = state_directory(git_dir)
    with ExitStack() as stack:
        try:
            table = StateTable.open(directory)
        except StoreError as error:
            log.info("%s; going on without", error)
            table = _readable(directory, stack)
        table.spare = True
        stack.callback(table.close)
        yield table


def _readable(directory: Path, stack: ExitStack) -> StateTable:
    try:
        return StateTable(directory, map_size=MAP_SIZE, readonly=True)
    except StoreError:
        return StateTable.open(_temporary(stack))


def _temporary(stack: ExitStack) -> Path:
    from tempfile import TemporaryDirectory

    return Path(stack.enter_context(TemporaryDirectory(prefix="vfs-")))


def state_directory(git_dir: Path) -> Path:
    """Where the state of a working tree lies; `git_dir` is that of the (linked) working tree itself."""
    return git_dir / "vfs" / "state"
