"""A child of `vfs.processes`: does one call after the other, until its caller is gone.

Interruptions are its caller's: what is typed at a terminal reaches both. When the caller is gone, however that came, it ends in
the middle of what it does.
"""

import os
import select
import signal
import sys
import threading
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


def end_with_caller(descriptor: int) -> None:
    """Wait until the other end of the socket is closed."""
    waiting = select.poll()
    waiting.register(descriptor, 0)  # what hangs up is always told
    waiting.poll()
    os._exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number = int(sys.argv[1])
    threading.Thread(target=end_with_caller, args=[number], daemon=True).start()
    serve(Connection(number))
