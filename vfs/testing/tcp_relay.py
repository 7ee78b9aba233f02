"""A TCP relay that misbehaves on request: for protocols that `faulty_proxy` does not speak.

Rule: nothing sleeps; a stalled connection waits for the end of the relay or of either side.
"""

import contextlib
import socket
import struct
import threading
from typing import Self


class TcpRelay:
    """Between clients and a port of 127.0.0.1; a context manager.

    Attributes:
        port: where clients connect.
        connections: how many were accepted.
    """

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._lock = threading.Lock()
        self._left: int | None = None
        self._ending = "reset"
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.stalled = threading.Event()
        self._stopping = threading.Event()
        self.connections = 0

    def after(self, count: int, ending: str) -> None:
        """Once: after so many bytes from the server, `reset` the connection or let it `stall`."""
        with self._lock:
            self._left, self._ending = count, ending
            self.stalled.clear()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port: int = self._listener.getsockname()[1]
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with self._lock:
            sockets = [*self._open, self._listener]
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _spawn(self, work: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream))
            except OSError:
                return
            self.connections += 1
            with self._lock:
                self._open |= {client, server}
            self._spawn(self._up, client, server)
            self._spawn(self._down, client, server)

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        self._end(server, client)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                ending = self._due(len(data))
                if ending == "stall":
                    self.stalled.set()
                    self._stopping.wait()
                    return
                if ending == "reset":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                client.sendall(data)
        self._end(client, server)

    def _due(self, count: int) -> str:
        with self._lock:
            if self._left is None:
                return ""
            self._left -= count
            if self._left > 0:
                return ""
            self._left = None
            return self._ending

    def _end(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open -= set(sockets)
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
