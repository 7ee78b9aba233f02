"""What runs moved out of the way of outs because nobody but the user had it: `<DVC root>/.dvc/tmp/vfs-kept-<stage>-<number>/<path>`.

Rule: each time a directory of its own, which nothing of ours removes: only the user knows whether it is worth something.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

_PREFIX: Final = b"vfs-kept-"


def aside_of(scratch: bytes) -> bytes:
    """A directory that is not there yet, for what is in the way of a run; under DVC's lock.

    Args:
        scratch: of the stage (`vfs.pipeline.clearing.scratch`).
    """
    directory, name = os.path.split(scratch)
    stem = os.path.join(directory, re.sub(rb"^vfs-run-", _PREFIX, name))
    return next(path for n in count(1) if not os.path.lexists(path := b"%s-%d" % (stem, n)))


def put_aside(source: bytes, path: bytes, aside: bytes) -> bytes:
    """Move what lies at `source` to where `path` is in a directory of `aside_of`; where it is then, absolute. Raises OSError."""
    target = os.path.join(aside, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.rename(source, target)
    return target


def kept_in(root: Path, roots: Iterable[bytes]) -> list[bytes]:
    """The directories that were kept in the DVC repositories `roots` of a working tree, by path."""
    found = []
    for inner in roots:
        directory = os.path.join(inner, b".dvc/tmp")
        with suppress(OSError):
            names = os.listdir(os.path.join(os.fsencode(root), directory))
            found += [os.path.join(directory, one) for one in names if one.startswith(_PREFIX)]
    return sorted(found)
