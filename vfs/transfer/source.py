"""`Source`: one of the places of a blob, and how it has done. Loop only."""

import math
import secrets
from dataclasses import dataclass, field
from typing import Final

from vfs.errors import VfsError
from vfs.transfer.blocks import EDITION_SIZE
from vfs.transfer.place import Place

STALE_SECONDS: Final = 30.0
"""A failure after so long without one begins a new row: nobody has asked in between."""


@dataclass(slots=True, eq=False)
class Source:
    """A place of one blob, and how it has done.

    Attributes:
        place: which one.
        etag: version of the object that it told last; further GETs must be of the same.
        nameless: the edition of what comes if it tells no version: nobody else has it, and no later source.
        repinned: the object was replaced once already.
        served: it has given a block.
        error: why it failed last.
        until: when it may be asked again (trio's clock).
        attempts: requests that failed since it last gave a block.
        failures: how often in a row it rested after passing failures.
        since: when that row began (trio's clock).
    """

    place: Place
    etag: str = ""
    nameless: bytes = field(default_factory=lambda: secrets.token_bytes(EDITION_SIZE))
    repinned: bool = False
    served: bool = False
    error: VfsError | None = None
    until: float = -math.inf
    attempts: int = 0
    failures: int = 0
    since: float = math.inf

    @property
    def passing(self) -> bool:
        """Whether it failed for a reason that may pass by itself."""
        return self.error is not None and self.error.retryable

    def recover(self) -> None:
        """It has given a block, or nobody has asked it for long."""
        self.attempts = self.failures = 0
        self.since = math.inf
