"""Files that a command will probably read, as the trace of its last run has them: which of them are fetched ahead.

Rules:

* In the order given: that is the order in which they were first opened.
* A large file only if the last run read at least half of it: it might want a piece.
* Half of what the chunk cache may hold at most, so that nothing fetched for this pushes out the rest of it; what does not fit in is left out.
* What cannot be had is left out: whoever reads it is told.
* Where all is here already this costs next to nothing: a few are looked at, and the rest only once somebody had to ask a remote.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import trio

from vfs.errors import VfsError
from vfs.threads import Pool, run_in
from vfs.transfer import WHOLE_SIZE, Fetcher, Place
from vfs.types import Blob, Entry, Kind
from vfs.workspace import Snapshot, Workspace

Files = Sequence[tuple[str, int | None]]
Wanted = tuple[Blob, Callable[[], Sequence[Place]]]

_SAMPLE: Final = 16
"""Files that are looked at."""

_LOOK_SECONDS: Final = 0.05
"""Between two looks whether somebody asked a remote."""

_CONTENTS: Final = (Kind.FILE, Kind.EXECUTABLE)


async def fetch_ahead(
    fetcher: Fetcher, workspace: Workspace, snapshot: Snapshot, files: Files
) -> None:
    """Fetch what is foreseen and not here; arguments as `foreseen`. Raises StoreFull."""
    asked = fetcher.statistics().requests
    some = files[:: max(1, len(files) // _SAMPLE)]
    missing = await run_in(Pool.DISK, _any_is_missing, fetcher, foreseen(workspace, snapshot, some))
    while not missing:
        await trio.sleep(_LOOK_SECONDS)
        missing = fetcher.statistics().requests > asked
    await fetcher.prefetch(foreseen(workspace, snapshot, files))


def _any_is_missing(fetcher: Fetcher, wanted: Iterable[Wanted]) -> bool:
    for blob, places in wanted:
        with suppress(VfsError):  # it has no place
            if fetcher.resident_percent(blob) < 100 and not any(one.is_here() for one in places()):
                return True
    return False


def foreseen(workspace: Workspace, snapshot: Snapshot, files: Files) -> Iterator[Wanted]:
    """Their contents, each once.

    Args:
        workspace: finds places.
        snapshot: whose paths are meant.
        files: path, and how many bytes were read of it; None: not known.
    """
    left = workspace.settings.cache_limit // 2
    met: set[Blob] = set()
    for text, read in files:
        found = None
        with suppress(VfsError):
            found = snapshot.resolve(text.encode("utf-8", "surrogateescape"))
        if not isinstance(found, Entry) or found.digest is None or found.kind not in _CONTENTS:
            continue
        blob = Blob(found.digest, found.size)
        if blob in met or (blob.size > WHOLE_SIZE and 2 * (read or 0) < blob.size):
            continue
        met.add(blob)
        if blob.size > left:
            continue
        left -= blob.size
        yield blob, _places(workspace, snapshot, found, blob)


def _places(
    workspace: Workspace, snapshot: Snapshot, entry: Entry, blob: Blob
) -> Callable[[], Sequence[Place]]:
    origin = snapshot.origins[entry.origin]
    return lambda: workspace.places_of(origin, blob)
