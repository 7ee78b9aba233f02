"""A real client, and daemons that are not there, silent or false."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.unit.control.support import record
from vfs.control.client import call
from vfs.errors import DaemonError


def test_no_daemon(tmp_path: Path) -> None:
    with pytest.raises(DaemonError, match="cannot be reached: No such file"):
        call(record(tmp_path / "none"), "status")


def test_a_silent_daemon_times_out(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(DaemonError, match="does not answer"):
            call(record(tmp_path / "s"), "status", timeout=0.05)


def test_a_daemon_that_closes_or_lies(tmp_path: Path) -> None:
    for answer, part in (
        (b"", "closed the connection"),
        (b"\xff" * 8, "exceeds the limit"),
        (b"\0\0\0\2{}", "unknown type"),
    ):
        path = tmp_path / f"s{len(answer)}"
        with socket.socket(socket.AF_UNIX) as liar:
            liar.bind(str(path))
            liar.listen()

            def lie(liar: socket.socket = liar, answer: bytes = answer) -> None:
                connection, _ = liar.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

            thread = threading.Thread(target=lie)
            thread.start()
            with pytest.raises(DaemonError, match=part):
                call(record(path), "status", timeout=30)
            thread.join()


def _interrupted(process: "subprocess.Popen[bytes]", connection: socket.socket) -> bytes:
    """What comes after Ctrl-C; a signal just before a system call blocks is lost, so people press it again."""
    connection.settimeout(1)
    for _ in range(30):
        process.send_signal(signal.SIGINT)
        try:
            return connection.recv(65536)
        except TimeoutError:
            continue
    raise AssertionError("the client does not end")


def test_an_interrupted_client_leaves_no_request_behind(tmp_path: Path) -> None:
    """SIGINT during a call: the connection closes (`test_server` has the server's side of it)."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(30)
        code = (
            f"import sys; sys.path[:0] = {sys.path!r}\n"
            "from pathlib import Path\n"
            "from vfs.control.client import call\n"
            "from vfs.control.registry import MountRecord\n"
            "call(MountRecord('m', Path('/'), '', '', 1, 0.0, None, Path(sys.argv[1])), 'switch')"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stderr=subprocess.DEVNULL
        ) as process:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(30)
                assert connection.recv(65536)
                assert _interrupted(process, connection) == b""
