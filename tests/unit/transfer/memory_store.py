"""A chunk store in memory with the contract of `vfs.store.ChunkStore` that the fetcher uses, and knobs for its moods."""

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vfs.errors import StoreCorrupt

Buffer = bytes | bytearray | memoryview


class Extent(NamedTuple):
    key: bytes
    length: int


class MemoryStore:
    """Attributes: takes: append succeeds. damaged: keys whose next read fails. cold: read_nowait finds nothing."""

    def __init__(self) -> None:
        self.chunks: dict[bytes, bytes] = {}
        self.verdicts: dict[bytes, int] = {}
        self.takes = True
        self.cold = False
        self.damaged: set[bytes] = set()
        self.reads = 0
        self.appended: list[bytes] = []
        self._lock = threading.Lock()

    def locate(self, key: bytes) -> Extent | None:
        data = self.chunks.get(key)
        return None if data is None else Extent(key, len(data))

    def locate_run(self, prefix: bytes, first: int, count: int) -> list[Extent | None]:
        return [self.locate(prefix + n.to_bytes(4, "big")) for n in range(first, first + count)]

    def read_nowait(self, extent: Extent, offset: int, length: int) -> bytes | None:
        if self.cold or extent.key in self.damaged:
            return None
        return self.chunks[extent.key][offset : offset + length]

    def read(self, extent: Extent, offset: int, length: int) -> bytes:
        self.reads += 1
        if extent.key in self.damaged:
            self.damaged.discard(extent.key)
            self.chunks.pop(extent.key, None)
            raise StoreCorrupt("a chunk is damaged")
        return self.chunks[extent.key][offset : offset + length]

    def append(self, items: Sequence[tuple[bytes, Buffer]]) -> bool:
        if not self.takes:
            return False
        with self._lock:
            for key, data in items:
                self.chunks[key] = bytes(data)
                self.appended.append(key)
        return True

    def drop(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self.chunks.pop(key, None)

    def set_verdict(self, digest_key: bytes, verdict: int) -> None:
        self.verdicts[digest_key] = verdict

    def verdict(self, digest_key: bytes) -> int | None:
        return self.verdicts.get(digest_key)
