"""Counters of the requests a mount has answered; read by `vfs status` and by the benchmarks."""

from vfs.metrics import Counters as Group


class Counters(Group):
    """Requests by kind, and what they moved. Only the event loop adds to them.

    Attributes:
        messages: requests of every kind that the kernel sent; counted by the direct transport only.
        opens: of files; the direct transport is told of none.
        reads: all of them; waited: those of them that could not be answered at once.
        read_bytes: handed out in answers to `reads`.
        pushed: small files given to the kernel when they were opened, so that no read came; pushed_bytes: their bytes.
        errors: requests that failed; an absent name or attribute is no failure.
    """

    messages: int = 0
    lookups: int = 0
    getattrs: int = 0
    readdirs: int = 0
    opens: int = 0
    reads: int = 0
    waited: int = 0
    read_bytes: int = 0
    pushed: int = 0
    pushed_bytes: int = 0
    errors: int = 0
    switches: int = 0
