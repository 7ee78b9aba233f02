"""What one process sends another is received whole, or not at all."""

import os
import socket
import threading

import pytest

from vfs.processes.wire import Wire


def test_values_of_any_size_come_whole() -> None:
    near, far = socket.socketpair()
    one, other = Wire(near.detach()), Wire(far.detach())
    values = [None, [(b"path", 1)] * 5, bytes(5 << 20)]

    def send() -> None:
        for value in values:
            one.send(value)

    sender = threading.Thread(target=send)
    sender.start()
    assert [other.receive() for _ in values] == values
    sender.join()
    one.close()
    with pytest.raises(EOFError):
        other.receive()
    with pytest.raises(BrokenPipeError):
        other.send(1)
    other.close()
    other.close()


def test_a_value_that_is_cut_off_is_none() -> None:
    near, far = socket.socketpair()
    one = Wire(near.detach())
    os.write(far.fileno(), (100).to_bytes(8, "little") + b"half")
    far.close()
    with pytest.raises(EOFError):
        one.receive()
    one.close()
