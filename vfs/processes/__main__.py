"""A child of `vfs.processes`: does one call after the other, until its caller is gone.

Interruptions are its caller's, which starts it with SIGINT blocked. When the caller is gone, however that came, it ends in
the middle of what it does.
"""

import os
import select
import sys
import threading

from vfs.processes.wire import Wire


def serve(wire: Wire) -> None:
    """Answer calls with (whether they failed, how or what came of them)."""
    while True:
        try:
            function, args, kwargs = wire.receive()
        except (EOFError, OSError):
            return
        try:
            answer = False, function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - raised by the caller
            answer = True, error
        try:
            wire.send(answer)
        except OSError:
            return


def end_with_caller(descriptor: int) -> None:
    """Wait until the other end of the socket is closed."""
    waiting = select.poll()
    waiting.register(descriptor, 0)  # what hangs up is always told
    waiting.poll()
    os._exit(1)


if __name__ == "__main__":
    number = int(sys.argv[1])
    threading.Thread(target=end_with_caller, args=[number], daemon=True).start()
    serve(Wire(number))
    os._exit(0)  # there is nothing to flush, and its caller waits
