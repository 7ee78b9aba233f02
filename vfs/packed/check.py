"""Is a packed remote what its manifests say? What `vfs fsck --remote` finds.

Checked: the manifests of some pointers (their own hashes, the digest of the pointer, each chunk against the table of its pack), and
the packs that they name; with `content` every byte of every pack.
Rules: thread-safe calls only; what concerns one object is noted with it. Memory: 70 bytes for each chunk of the packs that
are named.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from blake3 import blake3

from vfs.errors import FormatError, ObjectMissing
from vfs.formats.dirlisting import listing_digest
from vfs.formats.manifest_blocks import ChunkPlace
from vfs.formats.packs import PackRef
from vfs.packed.known import Listed, list_packs, read_table
from vfs.packed.manifest import Manifest, PackedRemote, Pointer

_PIECE = 1 << 20


class Wrong(NamedTuple):
    """What is wrong with an object: `what` is "missing", "truncated" or "altered"."""

    what: str
    why: str


class Check:
    """One run.

    Args:
        store: the remote.
        each: does some work for each of some items, in threads.

    Attributes:
        packs: what the remote lists.
        manifests: what is wrong with them, by pointer.
        damaged: what is wrong with packs, by id.
        named: packs that sound manifests name, and a pointer that does.
    """

    def __init__(
        self,
        store: PackedRemote,
        each: Callable[[str, Iterable[object], Callable[..., object]], object],
    ) -> None:
        self._store = store
        self._each = each
        self._lock = threading.Lock()
        self.packs: dict[bytes, Listed] = {e.pack.id: e for e in list_packs(store)}
        self.manifests: dict[Pointer, Wrong] = {}
        self.damaged: dict[bytes, Wrong] = {}
        self.named: dict[PackRef, Pointer] = {}
        self._sound: dict[Pointer, Manifest] = {}
        self._rows: dict[bytes, frozenset[int]] = {}
        self._ends: dict[bytes, int] = {}

    def run(self, pointers: Iterable[Pointer], *, content: bool) -> None:
        """Check the manifests of some pointers and their packs. Raises RemoteError."""
        self._each("manifests", pointers, self._open)
        for pointer, manifest in self._sound.items():
            for pack in manifest.root.packs:
                self.named.setdefault(pack, pointer)
        self._each("tables", self.named, self._table)
        self._each("manifests", self._sound, self._walk)
        if content:
            self._each("packs", list(self.packs), self._hash)
        for one, (what, _) in self.damaged.items():
            if what == "altered" and self.packs[one].size < self._ends.get(one, 0):
                self.damaged[one] = Wrong("truncated", f"has {self.packs[one].size} bytes")

    def _open(self, pointer: Pointer) -> None:
        try:
            self._sound[pointer] = self._store.manifest(pointer)
        except ObjectMissing:
            self.manifests[pointer] = Wrong("missing", "")
        except FormatError as error:
            self.manifests[pointer] = Wrong("altered", error.message)

    def _table(self, pack: PackRef) -> None:
        entry = self.packs.get(pack.id)
        try:
            if entry is None:
                raise ObjectMissing("")
            rows = read_table(self._store, entry)
            self._rows[pack.id] = frozenset(map(hash, rows))
        except ObjectMissing:
            self.damaged[pack.id] = Wrong("missing", "")
        except FormatError as error:
            self.damaged[pack.id] = Wrong("altered", error.message)

    def _walk(self, pointer: Pointer) -> None:
        """Each chunk of a manifest, and the digest of its list of files."""
        manifest = self._sound[pointer]
        packs = manifest.root.packs
        lacks: list[ChunkPlace] = []
        ends: dict[bytes, int] = {}

        def names() -> Iterator[tuple[bytes, str]]:
            for file in manifest.files():
                for chunk in file.chunks:
                    one = packs[chunk.pack].id
                    ends[one] = max(ends.get(one, 0), chunk.offset + chunk.stored)
                    rows = self._rows.get(one)
                    row = (chunk.id, chunk.offset, chunk.stored, chunk.plain)
                    if rows is not None and hash(row) not in rows:
                        lacks.append(chunk)
                yield file.path, file.value.hex()

        try:
            found = listing_digest(names()) if pointer.is_tree else _only(names())
        except (FormatError, ObjectMissing) as error:
            self.manifests[pointer] = Wrong("altered", error.message)
            return
        if found != pointer.digest.value:
            self.manifests[pointer] = Wrong("altered", f"lists the files of {found.hex()}")
        elif lacks:
            why = (
                f"names {len(lacks)} chunks that are not in {packs[lacks[0].pack].key} (or others)"
            )
            self.manifests[pointer] = Wrong("altered", why)
        with self._lock:
            for pack, end in zip(packs, (ends.get(pack.id, 0) for pack in packs), strict=True):
                length = end + pack.table_length
                self._ends[pack.id] = max(self._ends.get(pack.id, 0), length)

    def _hash(self, one: bytes) -> None:
        """Every byte of a pack."""
        try:
            with self._store.remote.get(self.packs[one].pack.key) as body:
                hasher = blake3()
                buffer = memoryview(bytearray(_PIECE))
                while count := body.readinto(buffer):
                    hasher.update(buffer[:count])
        except ObjectMissing:
            return  # swept meanwhile
        if hasher.digest() != one:
            self.damaged.setdefault(one, Wrong("altered", "has other bytes than its name says"))


def _only(names: Iterable[tuple[bytes, str]]) -> bytes:
    ((_, value),) = names
    return bytes.fromhex(value)
