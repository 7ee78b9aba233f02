"""Small files of a push, read and made ready by processes while those before them are packed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from typing import BinaryIO, Final, NamedTuple

from blake3 import blake3

from vfs import processes
from vfs.errors import VfsError
from vfs.formats.chunking import CUTS
from vfs.formats.hashing import hasher_for
from vfs.formats.manifest_blocks import NO_MODE, NO_MTIME
from vfs.formats.zstd import Compressor
from vfs.packed.known import Known
from vfs.types import Digest

_PORTION: Final = 256
_AHEAD: Final = 4  # portions, of at most 16 MiB


class Item(NamedTuple):
    """A file to push.

    Attributes:
        path: in the tracked directory, bytes; b"" for a pointer that is no directory.
        digest: of its content, of the pointer's algorithm.
        size: bytes.
        open: gives the content from its start; not called if the remote has it.
        portable: another process may call it instead, and more than once.
        mode: permission bits.
        mtime: ns since the epoch.
    """

    path: bytes
    digest: Digest
    size: int
    open: Callable[[], BinaryIO]
    portable: bool = False
    mode: int = NO_MODE
    mtime: int = NO_MTIME


class Ready(NamedTuple):
    """The one chunk of a small file, whose content was compared with its digest.

    Attributes:
        id: of the chunk.
        stored: what a pack holds of it.
    """

    id: bytes
    stored: bytes


class Source(NamedTuple):
    """What another process need know of a file."""

    digest: Digest
    size: int
    open: Callable[[], BinaryIO]


def ahead(items: Iterable[Item], known: Known) -> Iterator[tuple[Item, Ready | None]]:
    """Each item, in order, with its chunk if it was made ready.

    Args:
        items: may be asked for some portions before they are needed.
        known: what it has is not read.

    Raises:
        Exception: as `items`, after those it gave before.
    """
    waiting: deque[tuple[list[Item], Future[list[Ready | None]] | None]] = deque()
    source = iter(items)
    failure: list[Exception] = []
    with ExitStack() as stack:
        make: _Maker | None = None
        while portion := list(_until_failure(islice(source, _PORTION), failure)):
            wanted = [_wanted(item, known) for item in portion]
            if make is None and all(wanted) and len(portion) == _PORTION:
                make = stack.enter_context(_Maker())
            under_way = None if make is None or not any(wanted) else make.submit(wanted)
            waiting.append((portion, under_way))
            if make is None or len(waiting) > _AHEAD:
                yield from _made(*waiting.popleft())
        while waiting:
            yield from _made(*waiting.popleft())
    for error in failure:
        raise error


def _until_failure(items: Iterable[Item], failure: list[Exception]) -> Iterator[Item]:
    try:
        yield from items
    except Exception as error:  # noqa: BLE001 - raised by `ahead`
        failure.append(error)


def _made(
    portion: list[Item], future: Future[list[Ready | None]] | None
) -> Iterator[tuple[Item, Ready | None]]:
    ready = [None] * len(portion) if future is None else future.result()
    return zip(portion, ready, strict=True)


def _wanted(item: Item, known: Known) -> Source | None:
    """What is to be made ready of an item, if anything."""
    if not item.portable or not 0 < item.size <= CUTS.least or known.file(*item.digest) is not None:
        return None
    return Source(item.digest, item.size, item.open)


class _Maker:
    """Threads that hand portions to processes."""

    def __enter__(self) -> "_Maker":
        self._processes = processes.Processes()
        self._pool = ThreadPoolExecutor(processes.COUNT, "vfs-ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._processes.close()

    def submit(self, sources: Sequence[Source | None]) -> Future[list[Ready | None]]:
        return self._pool.submit(self._processes.call, make_ready, sources)


def make_ready(sources: Sequence[Source | None]) -> list[Ready | None]:
    """Read, compare and compress small files; None for one with which something is wrong: who reads it again will say what."""
    compressor = Compressor()
    return [None if source is None else _ready(source, compressor) for source in sources]


def _ready(source: Source, compressor: Compressor) -> Ready | None:
    try:
        with source.open() as file:
            data = file.read(source.size + 1)
    except (VfsError, OSError):
        return None
    hasher = hasher_for(source.digest)
    hasher.update(data)
    if len(data) != source.size or not hasher.matches(source.digest.value):
        return None
    return Ready(blake3(data).digest(), bytes(compressor.shorter(data)))
