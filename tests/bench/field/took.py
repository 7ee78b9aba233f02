"""What a piece of work took."""

from dataclasses import dataclass


class NoAnswer(Exception):
    """A figure could not be measured; the message says why."""


@dataclass(frozen=True)
class Took:
    """Seconds, bytes that were read, and how many reads or files that were."""

    seconds: float
    bytes: int
    count: int

    @property
    def megabytes(self) -> float:
        """MB/s."""
        return self.bytes / 1e6 / self.seconds if self.seconds else 0.0

    @property
    def rate(self) -> float:
        """Reads or files per second."""
        return self.count / self.seconds if self.seconds else 0.0
