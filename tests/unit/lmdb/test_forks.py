"""A process forks while its threads are at work in an environment."""

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

from vfs.errors import StoreError
from vfs.lmdb import Environment, Form
from vfs.testing.mounts import wait_until

FORKS = 10


class Some(Environment):
    form = Form(name="table", tables=("t",), repeating=(), hint="none", options={"sync": False})


def put(environment: Environment, key: bytes) -> None:
    table = environment.tables["t"]
    environment.write(lambda transaction: transaction.put(key, b"value", db=table))


def child(parents: Environment, number: int) -> int:
    """0 if the parent's environment is dead and the child has one of its own."""
    try:
        with suppress(StoreError):
            put(parents, b"wrong")
            return 1
        own = Some(parents.directory, map_size=1 << 24)
        put(own, b"child %d" % number)
        own.close()
    except BaseException:  # noqa: BLE001 - it must not go on as the parent
        return 2
    return 0


def test_a_child_opens_what_threads_of_its_parent_are_busy_with(tmp_path: Path) -> None:
    table, over = Some(tmp_path, map_size=1 << 24), threading.Event()

    def work() -> None:
        while not over.is_set():
            put(table, b"parent")
            table.get(table.tables["t"], b"parent")

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    statuses: list[int | None] = []
    for number in range(FORKS):
        process = os.fork()
        if not process:
            os._exit(child(table, number))
        statuses.append(status_of(process))
    over.set()
    for thread in threads:
        thread.join()
    assert statuses == [0] * FORKS
    for number in range(FORKS):
        assert table.get(table.tables["t"], b"child %d" % number) == b"value"
    table.close()


def status_of(process: int) -> int | None:
    """Of a child; it is killed if it does not end."""
    with suppress(AssertionError):
        found: list[int] = []
        wait_until(lambda: wait(process, found), "the end of the child", timeout=3)
        return found[0]
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def wait(process: int, found: list[int]) -> bool:
    number, status = os.waitpid(process, os.WNOHANG)
    if number:
        found.append(status)
    return bool(number)
