"""Reading data without a mount: a fetcher of our own, for the length of one verb.

Rule: bytes go through the same chunk store as those of mounts, so what is read once is there for all.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import trio

from vfs.errors import RemoteUnavailable, VfsError
from vfs.formats.hashing import hasher_for
from vfs.transfer import WHOLE_SIZE, Fetcher, LocalFile, Place
from vfs.transfer.blocks import provable
from vfs.transfer.failures import mended
from vfs.types import Blob, Entry
from vfs.workspace.scope import scope_of
from vfs_cli.progress import Progress
from vfs_cli.target import Target, opened, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from vfs.workspace import Snapshot, Workspace

Data = bytes | bytearray | memoryview

WINDOW = 4 << 20
"""Bytes asked for at once; large enough for parallel requests, small against the byte budget."""


def prefetch(target: Target, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Fetch what `args` select (see `vfs.daemon.prefetch.selected`) into the chunk store; the fetcher's figures."""
    from vfs.daemon.prefetch import pin_named, selected

    with opened(target) as workspace:
        shown = snapshot(workspace, target.rev, progress)
        selection = selected(workspace, shown, args)

        async def work() -> Any:
            async with _running(workspace) as fetcher:
                return await fetcher.prefetch(
                    selection.wanted, lambda done, total: progress.step("fetch", done, total)
                )

        with pin_named(args):
            return selection.report(_unwrapped(work))


def stream(
    workspace: "Workspace",
    shown: "Snapshot",
    entry: Entry,
    blob: Blob,
    write: "Callable[[Data], object]",
) -> None:
    """Hand the bytes of one file to `write`, in order.

    Raises:
        ContentMismatch: at the end, if what was written is not what its digest names, whatever the file is by then.
        VfsError: it cannot be had.
    """
    origin = shown.origins[entry.origin]
    hasher = hasher_for(blob.digest, blob.size) if provable(blob) else None

    def put(data: Data) -> None:
        if hasher is not None:
            hasher.update(data)
        write(data)

    def places() -> Sequence[Place]:
        found: Sequence[Place] = workspace.places_of(origin, blob)
        return found

    async def work() -> None:
        async with _running(workspace) as fetcher:
            local = await _local(fetcher, blob, places)
            for offset, length in _windows(blob.size):
                if local is not None:
                    data: Data = await trio.to_thread.run_sync(local.read, offset, length)
                else:
                    data = await fetcher.read(blob, places, offset, length)
                await trio.to_thread.run_sync(put, data)
            if hasher is None:
                return
            if not hasher.matches(blob.digest.value):
                await (fetcher.verify_file(local) if local else fetcher.verify(blob, places))
                raise mended(blob)
            if local is None:
                with contextlib.suppress(VfsError):  # for those who read it next
                    await fetcher.verify(blob, places)

    _unwrapped(work)


async def _local(
    fetcher: Fetcher, blob: Blob, places: "Callable[[], Sequence[Place]]"
) -> LocalFile | None:
    """A large local file; small ones are read through the fetcher, which compares them."""
    with contextlib.suppress(RemoteUnavailable):
        return await fetcher.find_local(blob, places) if blob.size > WHOLE_SIZE else None
    return None


def _windows(size: int) -> Iterator[tuple[int, int]]:
    for offset in range(0, size, WINDOW):
        yield offset, min(WINDOW, size - offset)


@contextlib.asynccontextmanager
async def _running(workspace: "Workspace") -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(workspace.store, workspace.settings, scope=scope_of(workspace.repository))
    async with trio.open_nursery() as nursery:
        await nursery.start(fetcher.run)
        yield fetcher
        nursery.cancel_scope.cancel()


def _unwrapped(work: "Callable[[], Any]") -> Any:
    """Run trio; an exception group around a single error gives way to that error."""
    try:
        return trio.run(work)
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None
