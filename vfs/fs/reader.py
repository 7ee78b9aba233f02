"""Reading file contents: from what is at hand without waiting, else through the fetcher.

Order of places: the chunk store, the repository's own DVC cache and LFS objects (plain local files, read in place), then the
remotes. The hot path (`read_nowait`) runs on the event loop: a dict, an extent, one `preadv` that returns rather than wait for the disk.
"""

import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from vfs.core.inodes import FileNode
from vfs.core.ranges import blocks_of
from vfs.errors import DataUnavailable, RemoteUnavailable, StoreError, VfsError
from vfs.fs.stalls import Stall
from vfs.store import BAD, BAD_FILE, UNPROVEN, VERIFIED, ChunkStore, Extent
from vfs.threads import Pool, run_in, run_within
from vfs.transfer import WHOLE_SIZE, Fetcher, LocalFile, Place, Replaced
from vfs.transfer.blocks import Keys, locate, provable
from vfs.types import BLOCK_SIZE, Algorithm, Blob

log = logging.getLogger("vfs.fs")

Data = bytes | bytearray | memoryview

MOST_FILES: Final = 4096
"""Files without opens whose extents are remembered; the longest unused goes first."""

MOST_EXTENTS: Final = 4096
"""Extents remembered per file: 1 GiB of a large file."""

LOOK_SECONDS: Final = 2.0
"""How long a question about a file waits for a local file system."""

LARGEST_READ: Final = 1 << 20
"""Bytes the kernel asks for at once at most."""

PlacesOf = Callable[[int, Blob], Sequence[Place]]
"""Places of a blob by the number of its origin (`Entry.origin`)."""


@dataclass(slots=True, eq=False)
class OpenFile:
    """What is remembered of a file that was read or is open.

    Attributes:
        blob: its content, as the fetcher has it (`Fetcher.own`).
        usable: what the keys of those blocks in the store begin with that may be served (`Fetcher.usable`).
        opens: handles now open, as far as the transport is told of them.
        used: whether it was read since it was last looked at by `_trim`.
        local: a plain local file with exactly this content.
        looked: set when a local file has been looked for.
        examined: whether the fetcher has looked for blocks that were never checked.
        pushed: whether the kernel has been given the whole content.
        fetched: whether any of it came through the fetcher, whose read-ahead then wants to know of every read.
        extents: where blocks are in the chunk store.
    """

    blob: Blob
    usable: Keys
    opens: int = 0
    used: bool = False
    local: LocalFile | None = None
    looked: trio.Event | None = None
    examined: bool = False
    pushed: bool = False
    fetched: bool = False
    extents: dict[int, Extent] = field(default_factory=dict)


class Reader:
    """Contents of the inodes of one mount; `files` is what is remembered of them."""

    def __init__(
        self, store: ChunkStore, fetcher: Fetcher, places_of: PlacesOf, *, push_small: int
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._places_of = places_of
        self._push_small = push_small
        self._said: set[type[VfsError]] = set()
        self._scratch = memoryview(bytearray(LARGEST_READ))
        self.files: dict[int, OpenFile] = {}
        self._idle = OrderedDict[int, None]()  # those without opens, longest unused first

    # -- open and close ----------------------------------------------------------------------------

    def open(self, inode: int, node: FileNode) -> Data | None:
        """Count an open; returns the whole content if it should be pushed into the page cache now."""
        file = self._file(inode, node)
        file.opens += 1
        if file.opens == 1:
            self._idle.pop(inode, None)
        self._examine(file, node)
        if file.opens > 1 or file.pushed or not 0 < node.blob.size <= self._push_small:
            return None
        content = self.read_nowait(inode, 0, node.blob.size)
        if content is not None and len(content) == node.blob.size:
            file.pushed = True
            return content
        return None

    def meet(self, inode: int, node: FileNode) -> None:
        """A file is read of whose opening nobody has told us."""
        self._file(inode, node).used = True
        self._trim()

    def _examine(self, file: OpenFile, node: FileNode) -> None:
        """Have what is there of a large content looked at, once."""
        if node.blob.size > WHOLE_SIZE and not file.examined and provable(node.blob):
            file.examined = True
            self._fetcher.examine(file.blob, self._places(node))

    def release(self, inode: int) -> None:
        """Count a close."""
        file = self.files.get(inode)
        if file is not None:
            file.opens -= 1
            if file.opens <= 0:
                self._idle[inode] = None
                self._leave(file)
                self._trim()

    def forget(self, inode: int) -> None:
        """The kernel dropped the inode and with it every page it had."""
        file = self.files.pop(inode, None)
        self._idle.pop(inode, None)
        if file is not None:
            self._leave(file)

    def _leave(self, file: OpenFile) -> None:
        """Nobody reads the file any more, so nothing more of it needs to be read ahead."""
        if file.fetched:
            self._fetcher.leave(file.blob)

    # -- reading -----------------------------------------------------------------------------------

    def read_nowait(self, inode: int, offset: int, length: int) -> Data | None:
        """Bytes that are at hand, or None if reading would wait for a disk or a network."""
        file = self.files.get(inode)
        if file is None:
            return None
        file.used = True
        end = min(offset + length, file.blob.size)
        if offset >= end:
            return b""
        data = self._at_hand(file, offset, end)
        if file.fetched and data is not None:
            self._fetcher.advance(file.blob, offset, end - offset)
        return data

    def read_block_nowait(self, key: bytes, size: int, offset: int, length: int) -> Data | None:
        """As `read_nowait`, of a content that is one block of the chunk store, by its key there; nothing is remembered of it."""
        end = min(offset + length, size)
        if offset >= end:
            return b""
        return self._filled(self._store.locate(key), offset, end - offset)

    def _filled(self, extent: Extent | None, offset: int, length: int) -> Data | None:
        """Bytes of one block, in a buffer that the next call fills anew: a transport replies before that."""
        filled = self._scratch[:length]
        if extent is None or not self._store.read_into_nowait(extent, offset, filled):
            return None
        return filled

    def _at_hand(self, file: OpenFile, offset: int, end: int) -> Data | None:
        local = file.local
        if local is not None:
            data = local.read_nowait(offset, end - offset)
            if data is not None and local.handed_out(end - offset):
                self._check(local)
            return data
        if self._held_back(file, offset, end):
            return None
        first, last = offset // BLOCK_SIZE, (end - 1) // BLOCK_SIZE
        if first != last:
            return self._gather_nowait(file, offset, end)
        extent = file.extents.get(first) or self._locate(file, first)
        return self._filled(extent, offset - first * BLOCK_SIZE, end - offset)

    async def read(
        self, inode: int, node: FileNode, offset: int, length: int, stall: Stall | None = None
    ) -> Data:
        """Bytes of a file, fetched if they must be, which `stall` is told.

        Raises:
            VfsError: no place has them, in time; the message names path-independent facts (remote, key, attempt).
        """
        end = min(offset + length, node.blob.size)
        if offset >= end:
            return b""
        file = self._file(inode, node)
        self._examine(file, node)  # perhaps nobody has told us that it was opened
        resident = self._resident(file, offset, end)
        if file.blob.scope and not file.usable.editions:
            file.looked = None  # `dvc pull` may have mended it
        if resident is None and not await self._fetcher.coming.awaited(file.blob):
            await self._look_for_local_file(file, node)
        data = await self._read_local_file(file, node, offset, end - offset)
        if data is not None:
            return data
        if resident is not None:
            try:
                return await self._gather_waiting(file, resident, offset, end)
            except StoreError as error:  # damaged or vanished: the store has dropped it
                self._say_once(error)
                file.extents.clear()
        if stall is not None:
            stall.missed = True
        first, file.fetched = not file.fetched, True
        data = await self._fetcher.read(file.blob, self._places(node), offset, end - offset)
        if first and node.blob.size > WHOLE_SIZE:
            self._fetcher.had(file.blob, file.extents)
        file.usable = self._fetcher.usable(file.blob)
        return data

    def _say_once(self, error: VfsError) -> None:
        """Log that what is here is no good; a cache that was cleared, or hangs, would say it for each of its chunks or files."""
        level = logging.DEBUG if type(error) in self._said else logging.WARNING
        self._said.add(type(error))
        log.log(level, "%s; fetching it (further ones are only counted)", error)

    def _gather_nowait(self, file: OpenFile, offset: int, end: int) -> Data | None:
        """Bytes of several blocks, in a buffer that the next call fills anew: a transport replies before that."""
        if end - offset > len(self._scratch):
            self._scratch = memoryview(bytearray(end - offset))
        filled = self._scratch[: end - offset]
        for block in range(offset // BLOCK_SIZE, (end - 1) // BLOCK_SIZE + 1):
            extent = file.extents.get(block) or self._locate(file, block)
            if extent is None:
                return None
            base = block * BLOCK_SIZE
            start, stop = max(offset, base), min(end, base + BLOCK_SIZE)
            part = filled[start - offset : stop - offset]
            if not self._store.read_into_nowait(extent, start - base, part):
                return None
        return filled

    async def _gather_waiting(
        self, file: OpenFile, extents: Sequence[Extent], offset: int, end: int
    ) -> Data:
        data = await run_in(Pool.DISK, self._gather, extents, offset, end)
        if file.fetched:
            self._fetcher.advance(file.blob, offset, end - offset)
        return data

    def _gather(self, extents: Sequence[Extent], offset: int, end: int) -> Data:
        """Read blocks, waiting for the disk; for worker threads."""
        parts = []
        for block, extent in enumerate(extents, offset // BLOCK_SIZE):
            start = max(0, offset - block * BLOCK_SIZE)
            stop = min(BLOCK_SIZE, end - block * BLOCK_SIZE)
            parts.append(self._store.read(extent, start, stop - start))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _resident(self, file: OpenFile, offset: int, end: int) -> list[Extent] | None:
        """Where the blocks of a range are; None if one is not in the store, or held back."""
        if self._held_back(file, offset, end):
            return None
        found = []
        for block in range(offset // BLOCK_SIZE, (end - 1) // BLOCK_SIZE + 1):
            extent = file.extents.get(block) or self._locate(file, block)
            if extent is None:
                return None
            found.append(extent)
        return found

    def _held_back(self, file: OpenFile, offset: int, end: int) -> bool:
        """Whether the fetcher has to be asked, because with these bytes all of a file was handed out that nobody has compared."""
        unproven = file.fetched or file.usable.editions  # else all that is served was compared
        return bool(unproven) and self._fetcher.holds_back(file.blob, blocks_of(offset, end))

    def _locate(self, file: OpenFile, block: int) -> Extent | None:
        """Where a block is."""
        extent = locate(self._store, file.usable, block)
        if extent is not None:
            if len(file.extents) >= MOST_EXTENTS:
                file.extents.clear()
            file.extents[block] = extent
        return extent

    # -- local files -------------------------------------------------------------------------------

    async def _look_for_local_file(self, file: OpenFile, node: FileNode) -> None:
        """Find a plain file with this content (DVC cache, LFS object), once, and keep it open."""
        if file.blob.digest.algorithm is Algorithm.GIT:  # its objects are no plain files
            return
        if file.looked is not None:
            await file.looked.wait()
            return
        file.looked = looked = trio.Event()
        try:
            file.local = await self._fetcher.find_local(file.blob, self._places(node))
        except RemoteUnavailable as error:  # where it may lie hangs: look again at the next read
            file.looked = None
            self._say_once(error)
        finally:
            looked.set()

    async def _read_local_file(
        self, file: OpenFile, node: FileNode, offset: int, length: int
    ) -> Data | None:
        """Bytes of the local file, if there is one that can be read."""
        while (local := file.local) is not None:
            try:
                data = await self._fetcher.read_local(local, offset, length)
            except (Replaced, RemoteUnavailable) as error:
                if file.local is local:
                    file.local = file.looked = None
                if isinstance(error, RemoteUnavailable):
                    self._say_once(error)
                    break
                await self._look_for_local_file(file, node)
            except DataUnavailable as error:
                digest = node.blob.digest
                log.warning("a local file of %s (%s); reading from elsewhere", digest, error)
                file.local = None
            else:
                if local.handed_out(length):
                    self._check(local)
                return data
        return None

    def _check(self, local: LocalFile) -> None:
        """All of a local file was handed out; small ones were checked before."""
        if local.blob.size > WHOLE_SIZE and provable(local.blob):
            self._fetcher.check_file(local)

    def places_changed(self) -> None:
        """Contents may now be had from other places: look again for what was not found."""
        for file in self.files.values():
            if file.local is None:
                file.looked = None
        self._fetcher.places_changed()

    def _places(self, node: FileNode) -> Callable[[], Sequence[Place]]:
        """The places of a content, found only when they are needed (it may touch the disk)."""
        return lambda: self._places_of(node.origin, node.blob)

    def _file(self, inode: int, node: FileNode) -> OpenFile:
        file = self.files.get(inode)
        if file is None:
            blob = self._fetcher.own(node.blob)
            file = self.files[inode] = OpenFile(blob, self._fetcher.usable(blob))
            self._idle[inode] = None
        return file

    def _trim(self) -> None:
        """Let go of files without opens beyond the limit, the longest unread first, as far as a second chance tells."""
        while len(self._idle) > MOST_FILES:
            inode = self._idle.popitem(last=False)[0]
            file = self.files[inode]
            if file.used:
                file.used = False
                self._idle[inode] = None
            else:
                del self.files[inode]

    # -- facts for people --------------------------------------------------------------------------

    async def label(self, node: FileNode) -> str:
        """Names of the places the content may come from, best first."""
        places = await run_in(Pool.DISK, self._places(node))
        return ", ".join(dict.fromkeys(place.label for place in places))

    async def cached_percent(self, inode: int, node: FileNode) -> int:
        """How much of a file can be read without the network, in percent."""
        file = self.files.get(inode)
        if file is not None and file.local is not None:
            return 100
        percent = await run_in(Pool.DISK, self._fetcher.resident_percent, node.blob)
        if percent < 100:
            with contextlib.suppress(trio.TooSlowError):
                if await run_within(LOOK_SECONDS, Pool.LOCAL, self._is_here, node):
                    return 100
        return percent

    def _is_here(self, node: FileNode) -> bool:
        return any(place.is_here() for place in self._places(node)())

    async def verified(self, inode: int, node: FileNode) -> str:
        """`yes`, `no` or `bad`: whether the whole content was checked against its digest."""
        file, large = self.files.get(inode), node.blob.size > WHOLE_SIZE
        blob = self._fetcher.own(node.blob)
        found = self._fetcher.verdict(blob)
        if large and found in (None, UNPROVEN):  # small ones are hashed when they are found
            file = self._file(inode, node)
            await self._look_for_local_file(file, node)
            self._trim()
        if file is not None and file.local is not None:
            if not large:
                return "yes"
            found = None
            with contextlib.suppress(DataUnavailable, trio.TooSlowError):
                found = await run_within(LOOK_SECONDS, Pool.LOCAL, file.local.verdict, self._store)
        return {VERIFIED: "yes", BAD: "bad", BAD_FILE: "bad"}.get(found or 0, "no")
