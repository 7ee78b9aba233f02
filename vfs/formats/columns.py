"""Columns of fixed-width numbers and strings, little-endian, without padding; read with bounds checked.

Rule: nothing but `FormatError` is raised; a count is compared with what is left before anything is
allocated for it.
"""

import struct
import sys
from array import array
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import Any

from vfs.errors import FormatError
from vfs.formats.zstd import Buffer

_SWAP = sys.byteorder == "big"


class Columns:
    """Reads one column after the other.

    Args:
        data: all of them.
        file: name for messages.
    """

    def __init__(self, data: Buffer, file: str) -> None:
        self._data = memoryview(data)
        self._position = 0
        self._file = file

    def struct(self, layout: struct.Struct) -> tuple[Any, ...]:
        """The fields of a struct."""
        return layout.unpack(self._take(layout.size))

    def numbers(self, kind: str, count: int) -> "array[int]":
        """`count` numbers of an `array` type code."""
        found = array(kind)
        found.frombytes(self._take(found.itemsize * count))
        if _SWAP:
            found.byteswap()
        return found

    def fixed(self, width: int, count: int) -> list[bytes]:
        """`count` strings of one width."""
        data = bytes(self._take(width * count))
        return [data[start : start + width] for start in range(0, len(data), width)]

    def strings(self, lengths: "array[int]", total: int) -> list[bytes]:
        """Strings of the given lengths, which must be `total` bytes together."""
        if sum(lengths) != total:
            raise FormatError("its names do not add up", file=self._file)
        data = bytes(self._take(total))
        return [data[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]

    def end(self) -> None:
        """Nothing may follow."""
        if self._position != len(self._data):
            raise FormatError("has bytes behind its end", file=self._file)

    def _take(self, length: int) -> memoryview:
        end = self._position + length
        if end > len(self._data):
            raise FormatError(f"ends at byte {len(self._data)}, before {end}", file=self._file)
        piece = self._data[self._position : end]
        self._position = end
        return piece


def dump_column(kind: str, numbers: Iterable[int]) -> bytes:
    """The bytes of a column of numbers."""
    column = array(kind, numbers)
    if _SWAP:
        column.byteswap()
    return column.tobytes()
