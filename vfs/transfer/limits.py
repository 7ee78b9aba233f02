"""`Limits`: what the fetcher wants to know of the settings."""

from typing import Protocol


class Limits(Protocol):
    """The settings the fetcher looks at (`vfs.config.Settings` has them)."""

    @property
    def memory_limit(self) -> int:
        """Most bytes in flight."""

    @property
    def jobs(self) -> int:
        """Most requests at once per place."""

    @property
    def deadline(self) -> float:
        """Seconds until a reader gets an error."""
