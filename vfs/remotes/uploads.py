"""Bodies of uploads: how long they are, and in parts."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

PART = 32 << 20  # bytes held in memory per upload; 10,000 parts are 312 GiB


@contextmanager
def sized(body: bytes | BinaryIO) -> Iterator[tuple[bytes | BinaryIO, int]]:
    """A body and how many bytes it has; a stream that cannot say is copied to a temporary file."""
    if isinstance(body, bytes):
        yield body, len(body)
    elif body.seekable():
        start = body.tell()
        size = body.seek(0, 2) - start
        body.seek(start)
        yield body, size
    else:
        with tempfile.TemporaryFile() as spool:
            shutil.copyfileobj(body, spool)
            size = spool.tell()
            spool.seek(0)
            yield spool, size


def read_part(stream: BinaryIO, size: int = PART) -> bytes:
    """The next part: as many bytes as a part holds, fewer only at the end."""
    pieces: list[bytes] = []
    while size and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
