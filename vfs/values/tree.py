"""A revision, as those need it who look for values in it."""

from collections.abc import Sequence
from typing import Protocol


class Tree(Protocol):
    """The files of one revision, tracked data included.

    Attributes:
        name: as the user named it.
    """

    name: str

    def pipelines(self) -> Sequence[bytes]:
        """The paths of all `dvc.yaml`, and of the `.dvc` files that have a command (stages of DVC 0.x)."""

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
