"""A revision, as those need it who look for values in it."""

from collections.abc import Sequence
from typing import Protocol

from vfs.formats.stage_values import Definition


class Tree(Protocol):
    """The files of one revision, tracked data included.

    Attributes:
        name: as the user named it.
    """

    name: str

    def pipelines(self) -> Sequence[bytes]:
        """The paths of all `dvc.yaml`, and of the pointers that have a command (stages of DVC 0.x)."""

    def relative(self, definition: Definition) -> Definition:
        """A stage, with what it writes absolute and lies in the working tree as if it were written relative."""

    def read(self, path: bytes, limit: int) -> bytes:
        """The bytes of a file.

        Raises:
            UnknownPath: there is none.
            VfsError: it cannot be read, or has more than `limit` bytes.
        """

    def files(self, path: bytes) -> list[bytes] | None:
        """The files below a directory, by path; None if it is no directory.

        Raises:
            VfsError: it cannot be known which there are.
        """
