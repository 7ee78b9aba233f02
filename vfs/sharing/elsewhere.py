"""What the cache of a pushing clone lacks and another remote has: it passes through a spool, and is gone when it was sent.

So a remote is filled from another one, of either layout, without the cache growing by a byte: the disk holds the objects that
are under way.

Rules: thread-safe. What comes is verified as it comes. The remotes are asked in the order of a mount: packed ones, then
DVC's. Of packed remotes only what manifests of `note`d pointers name can be had.
Memory: some 600 bytes for each file that the cache lacks and a packed remote has.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from vfs.core.ranges import block_count, block_length
from vfs.errors import FormatError, ObjectMissing, RemoteError, StoreCorrupt, Unsupported
from vfs.formats.manifest_blocks import PackedFile
from vfs.objects import ObjectCache
from vfs.objects.copying import filler
from vfs.packed import Located, Manifest, PackedPlace, PackedRemote, PackReader, Pointer
from vfs.remotes import Body, Remote
from vfs.sharing.layout import open_layout
from vfs.sharing.packed_fetch import listing_of
from vfs.sharing.plain import PlainRemote
from vfs.sharing.spool import spool
from vfs.types import Blob, Digest
from vfs.workspace import Workspace
from vfs.workspace.stores import DvcStore, RemoteRef

AHEAD: Final = 64 << 20
"""Larger objects are not fetched before their turn."""
_NOT_THERE: Final = (RemoteError, FormatError, StoreCorrupt)


class Elsewhere:
    """The remotes of a store; nothing is opened before it is needed. Close it.

    Args:
        workspace: the repository.
        store: its remotes are asked.
        target: the one that is pushed to. In DVC's layout it is asked last, for what is condemned there and here no more.
    """

    def __init__(self, workspace: Workspace, store: DvcStore, target: RemoteRef) -> None:
        self._workspace = workspace
        plain = (ref for ref in store.remotes if ref.worktree or not ref.versioned)
        self._plain = sorted(plain, key=lambda ref: ref == target)
        self._packed = [ref for ref in store.packed if ref != target]
        self._pointers: dict[Pointer, None] = {}
        self._known = _Known(workspace)
        self._opened: list[_Packed | _Plain] | None = None
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._cache: ObjectCache | None = None

    def note(self, pointer: Pointer) -> None:
        """A pointer whose files may be asked for."""
        self._pointers[pointer] = None

    def know(self, manifest: Manifest) -> None:
        """A manifest of the target that lacks packs: it says which files there are, and their sizes."""
        self._known.add(manifest)

    def bring(
        self, digest: Digest, *, is_tree: bool = False, most: int | None = None
    ) -> ObjectCache | None:
        """Have an object in the spool; None if no other place has it, or it is larger than `most` bytes.

        Raises:
            StoreFull, StoreError: the spool cannot be written.
        """
        for source in (self._known, *self._sources()):
            with suppress(*_NOT_THERE):  # what matters is whether any has it
                if source.bring(self._spool(), digest, is_tree, most):
                    return self._spool()
        return None

    def done(self, digest: Digest) -> None:
        """An object was sent."""
        if self._cache is not None:
            self._cache.remove(digest)

    def close(self) -> None:
        """Remove the spool."""
        self._stack.close()

    def _spool(self) -> ObjectCache:
        with self._lock:
            if self._cache is None:
                made = spool(self._workspace.repository.git_dir)
                self._cache = self._stack.enter_context(made)
            return self._cache

    def _sources(self) -> "list[_Packed | _Plain]":
        with self._lock:
            if self._opened is None:
                self._opened = list(self._open())
            return self._opened

    def _open(self) -> "Iterator[_Packed | _Plain]":
        session = self._workspace.session
        for ref in self._packed:
            with suppress(Unsupported):
                source = _Packed(session.remote(ref), session.settings.cache_dir, self._pointers)
                self._stack.callback(source.close)
                yield source
        for ref in self._plain:
            with suppress(Unsupported):
                yield _Plain(open_layout(self._workspace, ref))


class _Known:
    """What manifests of the target name: listings that they stand for, files that the chunk store has all of."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._manifests: dict[Digest, Manifest] = {}
        self._sizes: dict[Digest, int] = {}

    def add(self, manifest: Manifest) -> None:
        """Learn what it names. Raises FormatError, RemoteError."""
        self._manifests[manifest.pointer.digest] = manifest
        algorithm = manifest.pointer.digest.algorithm
        for file in manifest.files():
            self._sizes[Digest(algorithm, file.value)] = file.size

    def bring(self, cache: ObjectCache, digest: Digest, is_tree: bool, most: int | None) -> bool:
        """As `_Plain.bring`."""
        if is_tree and digest in self._manifests:
            cache.receive(digest, listing_of(self._manifests[digest]), is_tree=True)
            return True
        size = self._sizes.get(digest)
        if is_tree or size is None or (most is not None and size > most):
            return False
        cache.receive(digest, filler(self._blocks(Blob(digest, size))))
        return True

    def _blocks(self, blob: Blob) -> Iterator[bytes]:
        store = self._workspace.store
        for block in range(block_count(blob.size)):
            extent = store.locate(blob.key + block.to_bytes(4, "big"))
            if extent is None:
                raise ObjectMissing(f"the chunk store lacks block {block} of {blob.digest}")
            yield store.read(extent, 0, block_length(blob.size, block))


class _Plain:
    """A remote in DVC's layout."""

    def __init__(self, layout: PlainRemote) -> None:
        self._layout = layout

    def bring(self, cache: ObjectCache, digest: Digest, is_tree: bool, most: int | None) -> bool:
        """Put an object into a cache; False if it is too large."""
        with self._layout.open(digest, is_tree=is_tree) as body:
            return _receive(cache, digest, is_tree, most, body)


class _Packed:
    """A packed remote."""

    def __init__(self, remote: Remote, directory: Path, pointers: Iterable[Pointer]) -> None:
        self._store = PackedRemote(remote)
        self._reader = PackReader(remote, directory)
        self._pointers = pointers
        self._lock = threading.Lock()
        self._manifests: dict[Pointer, Manifest | None] = {}
        self._files: dict[Digest, tuple[Manifest, PackedFile]] = {}

    def bring(self, cache: ObjectCache, digest: Digest, is_tree: bool, most: int | None) -> bool:
        """As `_Plain.bring`; raises ObjectMissing if no manifest names it."""
        if is_tree:
            manifest = self._manifest(Pointer(digest, True))
            if manifest is None:
                raise ObjectMissing(f"no manifest of {digest}")
            cache.receive(digest, listing_of(manifest), is_tree=True)
            return True
        manifest, file = self._find(digest)
        place = PackedPlace(self._reader, "", Located(manifest.root.packs, file.chunks))
        with place.get(0, file.size) as body:
            return _receive(cache, digest, False, most, body)

    def close(self) -> None:
        """Give the disk back."""
        self._reader.close()

    def _manifest(self, pointer: Pointer) -> Manifest | None:
        with self._lock:
            if pointer not in self._manifests:
                self._manifests[pointer] = None
                with suppress(ObjectMissing, FormatError):
                    manifest = self._manifests[pointer] = self._store.readable(pointer)
                    algorithm = pointer.digest.algorithm
                    for file in manifest.files():
                        self._files.setdefault(Digest(algorithm, file.value), (manifest, file))
            return self._manifests[pointer]

    def _find(self, digest: Digest) -> tuple[Manifest, PackedFile]:
        for pointer in (*self._pointers, Pointer(digest, False)):
            found = self._files.get(digest)
            if found is not None:
                return found
            self._manifest(pointer)
        if digest not in self._files:
            raise ObjectMissing(f"no manifest names {digest}")
        return self._files[digest]


def _receive(
    cache: ObjectCache, digest: Digest, is_tree: bool, most: int | None, body: Body
) -> bool:
    if most is not None and body.size > most:
        return False
    fill: Callable[[memoryview], int] = body.readinto
    cache.receive(digest, fill, is_tree=is_tree)
    return True
