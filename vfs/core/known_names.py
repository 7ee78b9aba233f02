"""Which names of a directory the kernel may have cached, in little memory.

A switch must tell the kernel of every changed name it knows, and each telling waits for the directory's lock; names it was never told
need no telling. A false "known" costs one needless call; a false "unknown" would leave a stale name, so there is none: names are
only ever added.
"""

from typing import Final

EXACT: Final = 64
"""Up to this many names are kept exactly; beyond, only one bit for each of 65,536 hash values (8 KiB a directory)."""

_BITS: Final = 1 << 16


class KnownNames:
    """A set of names that may answer yes for names that were not added, never no for one that was."""

    __slots__ = ("_bits", "_exact", "_names")

    def __init__(self, exact: int = EXACT) -> None:
        """Keep up to `exact` names themselves."""
        self._exact = exact
        self._names: set[bytes] = set()
        self._bits: bytearray | None = None

    def add(self, name: bytes) -> None:
        """Note that the kernel has been told of a name (or of its absence)."""
        bits = self._bits
        if bits is not None:
            _set(bits, name)
            return
        self._names.add(name)
        if len(self._names) > self._exact:
            bits = bytearray(_BITS // 8)
            for known in self._names:
                _set(bits, known)
            self._bits, self._names = (
                bits,
                set(),
            )  # the old set is left whole for a thread that is asking

    def names(self) -> tuple[bytes, ...] | None:
        """Every name that was added; None if there are too many to know."""
        names = tuple(self._names)
        return None if self._bits is not None else names

    def __contains__(self, name: bytes) -> bool:
        names, bits = self._names, self._bits  # in this order: a thread asks while the loop adds
        if bits is None:
            return name in names
        number = hash(name) & (_BITS - 1)
        return bool(bits[number >> 3] & 1 << (number & 7))


def _set(bits: bytearray, name: bytes) -> None:
    number = hash(name) & (_BITS - 1)
    bits[number >> 3] |= 1 << (number & 7)
