"""Pages: a sorted run of tree entries as columns, addressed by the hash of its bytes.

Layout, little-endian, no padding (`docs/catalog.md` has the table):

    magic "VPG1" · n u32 · prefix length u32 · names length u32 · digest width u32
    sizes i64[n] · mtimes i64[n] · name ends u32[n + 1] · tags u16[n] · digests width×n
    prefix · names

A path is `prefix + names[ends[i]:ends[i + 1]]` (`ends[0]` is 0). A tag is
`kind | algorithm << 4 | digest length << 8`; digests are padded with NULs to the width.

Rule: bytes -> view without decoding entries; a lookup touches O(log n) of them.
"""

import struct
from collections.abc import Iterator, Sequence

from blake3 import blake3

from vfs.catalog.entries import TreeEntry
from vfs.errors import FormatError, StoreError
from vfs.types import Algorithm, Digest, Kind

MAGIC = b"VPG1"
ID_SIZE = 32
_HEADER = struct.Struct("<4sIIII")
_KINDS = tuple(Kind(n) if n in Kind._value2member_map_ else Kind.BROKEN for n in range(16))
_ALGORITHMS = tuple(
    Algorithm(n) if n in Algorithm._value2member_map_ else Algorithm.PLACE for n in range(16)
)
_MAX_DIGEST = 255


def content_id(data: bytes) -> bytes:
    """The name of a page or root: BLAKE3-256 of its bytes."""
    return blake3(data).digest()


def encode_page(
    paths: Sequence[bytes],
    kinds: Sequence[int],
    digests: Sequence[tuple[int, bytes]],
    sizes: Sequence[int],
    mtimes: Sequence[int],
) -> bytes:
    """Columns of equal, non-zero length -> page bytes (canonical: equal entries, equal bytes).

    Raises:
        FormatError: a number or digest does not fit its column.
    """
    count = len(paths)
    prefix = _shared_prefix(paths)
    skip = len(prefix)
    names = b"".join([path[skip:] for path in paths])
    ends = [0] * (count + 1)
    position = 0
    for index, path in enumerate(paths, 1):
        position += len(path) - skip
        ends[index] = position
    values = [value for _, value in digests]
    width = max(map(len, values))
    if width > _MAX_DIGEST:
        raise FormatError(f"a digest of {width} bytes is too long")
    tags = [
        kind | algorithm << 4 | len(value) << 8
        for kind, (algorithm, value) in zip(kinds, digests, strict=True)
    ]
    try:
        return b"".join(
            (
                _HEADER.pack(MAGIC, count, skip, len(names), width),
                struct.pack(f"<{count}q", *sizes),
                struct.pack(f"<{count}q", *mtimes),
                struct.pack(f"<{count + 1}I", *ends),
                struct.pack(f"<{count}H", *tags),
                b"".join([value.ljust(width, b"\0") for value in values]),
                prefix,
                names,
            )
        )
    except struct.error as error:
        raise FormatError(f"a size or time is out of range near {paths[0]!r}: {error}") from error


def _shared_prefix(paths: Sequence[bytes]) -> bytes:
    """What all paths begin with; in a sorted run that is what the first and last share."""
    first, last = paths[0], paths[-1]
    if last.startswith(first):
        return first
    end = next(at for at, byte in enumerate(first) if byte != last[at])
    return first[:end]


class Page:
    """A read-only view of one page's bytes.

    Attributes:
        count: number of entries.
        data: the bytes themselves (their length is what a cache should account).
    """

    __slots__ = (
        "_digests",
        "_ends",
        "_ends_at",
        "_mtimes",
        "_names",
        "_prefix",
        "_sizes",
        "_tags",
        "_tags_at",
        "_width",
        "count",
        "data",
    )

    def __init__(self, data: bytes) -> None:
        """View `data`.

        Raises:
            StoreError: the bytes are no page of this format.
        """
        try:
            magic, count, prefix_length, names_length, width = _HEADER.unpack_from(data)
        except struct.error as error:
            raise StoreError("catalog: a page is too short") from error
        ends_at = _HEADER.size + 16 * count
        tags_at = ends_at + 4 * (count + 1)
        digests_at = tags_at + 2 * count
        prefix_at = digests_at + width * count
        names_at = prefix_at + prefix_length
        if magic != MAGIC or names_at + names_length != len(data):
            raise StoreError("catalog: a page has an unknown format or a wrong length")
        view = memoryview(data)
        self.data = data
        self.count: int = count
        self._sizes = view[_HEADER.size : _HEADER.size + 8 * count].cast("q")
        self._mtimes = view[_HEADER.size + 8 * count : ends_at].cast("q")
        self._ends = view[ends_at:tags_at].cast("I")
        self._tags = view[tags_at:digests_at].cast("H")
        self._ends_at = ends_at
        self._tags_at = tags_at
        self._digests = digests_at
        self._width: int = width
        self._prefix = data[prefix_at:names_at]
        self._names = names_at

    def path(self, index: int) -> bytes:
        """Path of entry `index`."""
        ends, names = self._ends, self._names
        return self._prefix + self.data[names + ends[index] : names + ends[index + 1]]

    def entry(self, index: int) -> TreeEntry:
        """Entry `index`, decoded."""
        return self.entry_at(index, self.path(index))

    def entry_at(self, index: int, path: bytes) -> TreeEntry:
        """Entry `index`, whose path the caller has decoded already."""
        tag = self._tags[index]
        at = self._digests + index * self._width
        return TreeEntry(
            path,
            _KINDS[tag & 15],
            Digest(_ALGORITHMS[tag >> 4 & 15], self.data[at : at + (tag >> 8)]),
            self._sizes[index],
            self._mtimes[index],
        )

    def entries(self, start: int, stop: int) -> Iterator[TreeEntry]:
        """Entries from `start` up to `stop`."""
        return map(self.entry, range(start, stop))

    def lower_bound(self, path: bytes) -> int:
        """Index of the first entry whose path is not below `path`; `count` if there is none."""
        prefix = self._prefix
        if not path.startswith(prefix):
            return 0 if path < prefix else self.count
        wanted = path[len(prefix) :]
        data, ends, names = self.data, self._ends, self._names
        low, high = 0, self.count
        while low < high:
            middle = (low + high) >> 1
            if data[names + ends[middle] : names + ends[middle + 1]] < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def sizes_between(self, start: int, stop: int) -> int:
        """Bytes of the entries from `start` up to `stop`; unknown sizes count as 0."""
        return sum(size for size in self._sizes[start:stop] if size > 0)

    def same_paths(self, other: "Page") -> bool:
        """True if both pages list exactly the same paths."""
        return (
            self.count == other.count
            and self._prefix == other._prefix
            and self.data[self._ends_at : self._tags_at]
            == other.data[other._ends_at : other._tags_at]
            and self.data[self._names :] == other.data[other._names :]
        )

    def differing(self, other: "Page", start: int, stop: int) -> Iterator[int]:
        """Indices whose values differ from those of a page with the same paths (`same_paths`).

        Halves the range while a comparison of the whole columns says that something differs,
        so the cost follows the number of differences.
        """
        todo = [(start, stop)]
        while todo:
            low, high = todo.pop()
            if low >= high or self._equal(other, low, high):
                continue
            if high - low == 1:
                yield low
                continue
            middle = (low + high) >> 1
            todo.append((middle, high))
            todo.append((low, middle))

    def _equal(self, other: "Page", low: int, high: int) -> bool:
        if self._width != other._width:
            return all(self.entry(i)[1:] == other.entry(i)[1:] for i in range(low, high))
        # As bytes: comparing typed views would unpack every number.
        mine, its, width = self.data, other.data, self._width
        a, b = self._digests, other._digests
        sizes, times, tags = _HEADER.size, _HEADER.size + 8 * self.count, self._tags_at
        return (
            mine[a + low * width : a + high * width] == its[b + low * width : b + high * width]
            and mine[sizes + 8 * low : sizes + 8 * high] == its[sizes + 8 * low : sizes + 8 * high]
            and mine[times + 8 * low : times + 8 * high] == its[times + 8 * low : times + 8 * high]
            and mine[tags + 2 * low : tags + 2 * high] == its[tags + 2 * low : tags + 2 * high]
        )
