"""What goes to a worker, and what comes back.

Rule: both are pickles inside bytes that only the same version of vfs opens; the scheduler looks at neither. Whoever can hand in a task can run anything on a
worker anyway.
"""

import pickle
from collections.abc import Mapping
from typing import NamedTuple, Self

from vfs.cluster.going import Going
from vfs.errors import VfsError, error_named
from vfs.formats.stage_values import Definition, Locked, LockedItem
from vfs.git.parcel import Parcel
from vfs.pipeline.reads import Reads, Report
from vfs.types import Digest

START = "__import__('importlib').import_module('vfs.cluster.worker').work(version, task)"
"""What a worker evaluates: a text is the same in every Python, and whoever lacks vfs says so by name."""


class Task(NamedTuple):
    """A stage that is to run.

    Attributes:
        parcel: the working tree.
        definition: of the stage.
        address: for `DVC_STAGE`.
        lines: its commands.
        shell: name of the shell.
        before: its inputs, as the client has them.
        going: what its command goes on with and no cache keeps (`vfs.cluster.going`), as the client has it.
    """

    parcel: Parcel
    definition: Definition
    address: str
    lines: tuple[str, ...]
    shell: str
    before: Locked
    going: Going


class Sent(NamedTuple):
    """An object that comes with the result."""

    digest: Digest
    is_tree: bool
    data: bytes


class Result(NamedTuple):
    """How a stage ended.

    Attributes:
        status: exit status of its command.
        log: what it printed.
        outs: what it made, by path as written; contents are on the remote.
        sent: objects of those that no cache keeps.
        trace: what it touched, as `vfs.sandbox.trace` saves it; b"" if that is not known.
        reads: how much it read, `ghosts`: what it looked for in vain, and `report`: what its mount did meanwhile, as of a `Room`.
        notes: for the user.
        error: code, message and hint, if it could not be run or recorded.
    """

    status: int = 0
    log: bytes = b""
    outs: Mapping[str, LockedItem] = {}
    sent: tuple[Sent, ...] = ()
    trace: bytes = b""
    reads: Reads = Reads()
    ghosts: tuple[bytes, ...] = ()
    report: Report | None = None
    notes: tuple[str, ...] = ()
    error: tuple[str, str, str | None] | None = None

    @classmethod
    def failed(cls, error: VfsError) -> Self:
        """The result of what did not come to a command."""
        return cls(error=(error.code, error.message, error.hint))

    def check(self) -> None:
        """Raise what the worker raised."""
        if self.error is not None:
            code, message, hint = self.error
            raise error_named(code, message, hint) or VfsError(message, hint=hint)


def encoded(value: Task | Result) -> bytes:
    """As bytes."""
    return pickle.dumps(value)


def task_of(data: bytes) -> Task:
    """A task of the same version."""
    task = pickle.loads(data)
    assert isinstance(task, Task)
    return task


def result_of(data: bytes) -> Result:
    """A result of the same version."""
    result = pickle.loads(data)
    assert isinstance(result, Result)
    return result
