"""Counters of the requests a mount has answered; read by `vfs status` and by the benchmarks."""

from vfs.metrics import Counters as Group


class Counters(Group):
    """Requests by kind, and what they moved. Only the event loop adds to them."""

    lookups: int = 0
    getattrs: int = 0
    readdirs: int = 0
    opens: int = 0
    reads: int = 0
    read_bytes: int = 0
    pushed: int = 0
    errors: int = 0
    switches: int = 0
