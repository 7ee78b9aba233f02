"""`python -m vfs.daemon`: the process that serves one mount; started by `vfs.daemon.start` only."""

import os
import sys
from typing import NoReturn

from vfs.daemon.ending import end_with
from vfs.daemon.request import decode
from vfs.daemon.run import run_reporting


def main() -> NoReturn:
    """Read the request, serve, exit."""
    request = decode(sys.stdin.buffer.readline())
    end_with(os.dup(0))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    sys.exit(run_reporting(request))


if __name__ == "__main__":
    main()
