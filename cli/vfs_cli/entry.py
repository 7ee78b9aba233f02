"""What the script `vfs` starts: Ctrl-C ends the command quietly, also while its modules are still being imported.

Rule: nothing of weight is imported before the signal is ours; nothing needs cleaning up before all is imported.
"""

import os
import sys
from signal import SIGINT, default_int_handler, getsignal, signal
from typing import Final, NoReturn

_INTERRUPTED: Final = 130  # as `vfs_cli.failure`, which is not imported yet


def main() -> NoReturn:
    """The `vfs` command."""
    try:
        ours = (
            getsignal(SIGINT) is default_int_handler
        )  # it may be ignored: a job in the background
        if ours:
            signal(SIGINT, lambda *_: os._exit(_INTERRUPTED))
        from vfs_cli.main import main as run

        if ours:
            signal(SIGINT, default_int_handler)
        run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
