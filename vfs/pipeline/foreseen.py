"""What a stage will probably read that is not here, by the trace of its last run: fetched ahead while its command starts.

Rule: a guess. Nobody waits for it, and what goes wrong with it is no matter.
"""

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from itertools import islice
from typing import Final

from vfs.errors import VfsError
from vfs.pipeline.history import History
from vfs.sandbox.trace import Touch

MOST: Final = 50_000
"""Files that are fetched ahead."""


def foreseen(top: bytes, stage: str, hidden: Collection[bytes]) -> Mapping[bytes, int | None]:
    """Files that the last run opened and that are not here, in that order, with how much it read of each if that is known.

    Args:
        top: the working tree.
        stage: its address.
        hidden: directories of which a private view shows only what is here.
    """
    from vfs.pipeline.tracing import kept  # if anything is to be seen of a lazy mount

    with suppress(VfsError):
        path = History.of(top).last_trace(stage)
        if path is not None:
            trace = kept(path)
            absent = (
                path
                for path in trace.of(Touch.OPENED)
                if not os.path.lexists(os.path.join(top, path)) and not _within(path, hidden)
            )
            return {path: trace.read.get(path) for path in islice(absent, MOST)}
    return {}


def _within(path: bytes, directories: Collection[bytes]) -> bool:
    while path and path not in directories:
        path = path.rpartition(b"/")[0]
    return path != b""
