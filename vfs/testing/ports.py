"""Ports for servers of tests that have to be told one."""

import contextlib
import secrets
import socket


def free_port() -> int:
    """A port that nobody has right now, nor is given by the kernel to who asks for any, or connects."""
    while True:
        port = 10_000 + secrets.randbelow(22_768)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
