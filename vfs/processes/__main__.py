"""A child of `vfs.processes`: does one call after the other, until its caller is gone.

Interruptions are its caller's: what is typed at a terminal reaches both.
"""

import signal
import sys
from multiprocessing.connection import Connection


def serve(connection: Connection) -> None:
    """Answer calls with (whether they failed, how or what came of them)."""
    while True:
        try:
            function, args, kwargs = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = False, function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - raised by the caller
            answer = True, error
        try:
            connection.send(answer)
        except OSError:
            return


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(Connection(int(sys.argv[1])))
