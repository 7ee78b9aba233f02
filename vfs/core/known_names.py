"""Which names of a directory the kernel may have cached, in little memory.

A switch must tell the kernel of every changed name it knows, and each telling waits for the directory's lock; names it was never told
need no telling. A false "known" costs one needless call; a false "unknown" would leave a stale name, so there is none: names are
only ever added.
"""

from typing import Final

_EXACT: Final = 64
"""Up to this many names are kept exactly; beyond, only one bit for each of 65,536 hash values (8 KiB a directory)."""

_BITS: Final = 1 << 16


class KnownNames:
    """A set of names that may answer yes for names that were not added, never no for one that was."""

    __slots__ = ("_bits", "_hashes")

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._bits: bytearray | None = None

    def add(self, name: bytes) -> None:
        """Note that the kernel has been told of a name (or of its absence)."""
        number = hash(name) & (_BITS - 1)
        bits = self._bits
        if bits is not None:
            bits[number >> 3] |= 1 << (number & 7)
            return
        self._hashes.add(number)
        if len(self._hashes) > _EXACT:
            bits = bytearray(_BITS // 8)
            for known in self._hashes:
                bits[known >> 3] |= 1 << (known & 7)
            self._bits = bits

    def __contains__(self, name: bytes) -> bool:
        number = hash(name) & (_BITS - 1)
        bits = self._bits
        if bits is None:
            return number in self._hashes
        return bool(bits[number >> 3] & 1 << (number & 7))
