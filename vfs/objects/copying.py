"""A content from wherever it comes to a new file, hashed on the way.

Rules:

- Steps stay in a processor's own cache between hashing and writing.
- What is large is hashed by a thread of its own, while the next steps are read and written: one file keeps two processors busy.

Memory: the buffer it is given.
"""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import cycle
from typing import TYPE_CHECKING, Final

from vfs.core.interrupting import check
from vfs.formats.hashing import Hasher
from vfs.objects.filesystem import start_writing

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

STEP: Final = 1 << 18
LARGE: Final = 1 << 23  # bytes after which the disk begins to write, and a thread to hash

Fill = Callable[[memoryview], int]
"""Fills the front of a buffer with the next bytes; their count, 0 at the end."""


def copy(
    fill: Fill,
    write: Callable[[int, memoryview], None],
    target: int,
    hasher: Hasher,
    buffer: memoryview,
) -> int:
    """Copy to the end; returns the bytes.

    Args:
        fill: gives them.
        write: writes all of a view to a descriptor.
        target: the descriptor.
        hasher: has taken all of them afterwards.
        buffer: some steps long.

    Raises:
        VfsError: as `fill` and `write`.
    """
    steps = [buffer[start : start + STEP] for start in range(0, len(buffer), STEP)]
    waiting: deque[Future[None]] = deque()
    pool: ThreadPoolExecutor | None = None
    done = begun = 0
    with ExitStack() as stack:
        for step in cycle(steps):
            check()
            if len(waiting) == len(steps):
                waiting.popleft().result()  # it was hashed from this part of the buffer
            piece = step[: read_into(fill, step)]
            if not piece:
                break
            if done < LARGE:
                hasher.update(piece)
            else:
                pool = pool or stack.enter_context(_one_thread())
                waiting.append(pool.submit(hasher.update, piece))
            write(target, piece)
            done += len(piece)
            if done - begun >= LARGE:
                start_writing(target, begun, done - begun)
                begun = done
        for one in waiting:
            one.result()
    return done


def _one_thread() -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # who copies nothing large does without

    return ThreadPoolExecutor(1, "vfs-hash")


def read_into(fill: Fill, buffer: memoryview) -> int:
    """Fill a buffer; fewer bytes than it has room for only at the end."""
    count = done = 0
    while done < len(buffer) and (count := fill(buffer[done:])):
        done += count
    return done


def filler(pieces: Iterable[bytes | bytearray | memoryview]) -> Fill:
    """Gives out pieces in buffers of any size."""
    rest = memoryview(b"")
    left = iter(pieces)

    def fill(buffer: memoryview) -> int:
        nonlocal rest
        done = 0
        while done < len(buffer):
            if not rest:
                rest = memoryview(next(left, b""))
                if not rest:
                    break
            count = min(len(rest), len(buffer) - done)
            buffer[done : done + count] = rest[:count]
            rest, done = rest[count:], done + count
        return done

    return fill
