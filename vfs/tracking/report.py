"""What a run did, and what it could not do."""

from dataclasses import dataclass, field
from typing import NamedTuple

from vfs.errors import VfsError


class Trouble(NamedTuple):
    """Something that was not done.

    Attributes:
        path: of the repository.
        error: why.
    """

    path: bytes
    error: VfsError


@dataclass(slots=True)
class Report:
    """What a run did.

    Attributes:
        files: objects that came (or went), listings included.
        size: their bytes.
        present: objects that were there already.
        troubles: what could not be done.
    """

    files: int = 0
    size: int = 0
    present: int = 0
    troubles: list[Trouble] = field(default_factory=list)
