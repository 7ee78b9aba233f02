"""What is known of whole objects, and what must stay; see `vfs.store.verdicts`."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from vfs.errors import StoreError
from vfs.store.engine import Engine
from vfs.store.reader import ChunkReader
from vfs.store.verdicts import VERIFIED

_log = logging.getLogger("vfs.store")


class ChunkJudge(ChunkReader):
    """Verdicts and pins of the directory that is open now."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._verdicts: dict[bytes, int | None] = {}  # those that could not be written

    @property
    def writable(self) -> bool:
        """Whether this process can cache at all."""
        return self._engine is not None and self._engine.writable

    def _usable(self) -> Engine:
        if self._engine is None or not self._engine.writable:
            raise StoreError(
                f"the cache {self.directory} cannot be written to",
                hint="check its owner, its mode and whether its disk is full or read-only",
            )
        return self._engine

    def verdict(self, blob_key: bytes) -> int | None:
        """What is known of a whole object: VERIFIED, BAD, BAD_FILE, UNPROVEN, None for nothing (loop-safe)."""
        try:
            kept = self._engine.verdicts.get(blob_key) if self._engine is not None else None
        except StoreError:
            kept = None
        return self._verdicts.get(blob_key, kept)

    def set_verdict(self, blob_key: bytes, verdict: int | None) -> None:
        """Remember a verdict, or that there is none; if the store cannot be written to, in this process alone."""
        try:
            self._usable().verdicts.set(blob_key, verdict)
            self._verdicts.pop(blob_key, None)
        except StoreError as error:
            _log.log(logging.WARNING if self.writable else logging.DEBUG, "%s", error)
            self._verdicts[blob_key] = verdict

    def remember(self, own: bytes, place: bytes, edition: bytes) -> None:
        """Note the last edition of an object at a place, if the store can be written to."""
        with suppress(StoreError):
            self._usable().verdicts.remember(own, place, edition)

    def remembered(self, own: bytes) -> dict[bytes, bytes]:
        """The last edition of an object by place (loop-safe)."""
        try:
            return self._engine.verdicts.remembered(own) if self._engine is not None else {}
        except StoreError:
            return {}

    def promote(
        self,
        own: bytes,
        editions: Sequence[bytes],
        shared: bytes,
        blocks: Iterable[tuple[int, int]],
    ) -> bool:
        """An object was right as a whole: what was compared belongs to everybody; see `Verdicts.promote`.

        If the store cannot be written to, this process alone knows that it was right.
        """
        try:
            whole = self._usable().verdicts.promote(own, editions, shared, blocks)
            self._verdicts.pop(own, None)
        except StoreError as error:
            _log.log(logging.WARNING if self.writable else logging.DEBUG, "%s", error)
            self._verdicts[own] = VERIFIED
            return True
        return whole

    def pin(self, name: str, keys: Iterable[bytes]) -> None:
        """Keep chunks, also those yet to come, until `unpin(name)`. Raises StoreError."""
        self._usable().pins.pin(name, keys)

    def unpin(self, name: str) -> bool:
        """Remove a pin; returns whether there was one. Raises StoreError."""
        return self._usable().pins.unpin(name)

    def pins(self) -> dict[str, int]:
        """Every pin and how many keys it holds. Raises StoreError."""
        return self._engine.pins.names() if self._engine is not None else {}

    def pinned(self, keys: Sequence[bytes]) -> list[bool]:
        """For each chunk whether a pin names it, be it here or not. Raises StoreError."""
        return self._usable().pins.holds(keys)
