"""Scratch directories of runs in private views: `.dvc/tmp/vfs-run-<stage>/`, by the name that `vfs.pipeline.clearing` gives them.

    upper      what the command wrote, in the overlay's form
    made       its outs, taken out of that
    running    there as long as the run is not over

Rule: whoever runs a stage holds its lock (`vfs.pipeline.running`); a scratch with `running` whose lock is free is that of a run that was killed.
"""

import os
from contextlib import suppress

from vfs.errors import StoreError
from vfs.pipeline.running import held
from vfs.sandbox.removal import remove

_RUNNING = b"running"


def begin(scratch: bytes) -> None:
    """Make a scratch anew. Raises OSError."""
    if os.path.isdir(scratch):
        remove(scratch)
    os.makedirs(scratch)
    with open(os.path.join(scratch, _RUNNING), "wb"):
        pass


def end(scratch: bytes, keep: set[bytes]) -> None:
    """Remove a scratch but for some of what is in it."""
    with suppress(OSError):
        for name in os.listdir(scratch):
            path = os.path.join(scratch, name)
            if name in keep:
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                remove(path)
            else:
                os.unlink(path)
        if not os.listdir(scratch):
            os.rmdir(scratch)


def sweep(directory: bytes) -> None:
    """Remove what runs that were killed left in a `.dvc/tmp`."""
    with suppress(OSError):
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if name.startswith(b"vfs-run-") and os.path.exists(os.path.join(path, _RUNNING)):
                with suppress(OSError, StoreError), held(path) as ours:
                    if ours:
                        remove(path)
