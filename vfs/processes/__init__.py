"""Child processes for work that is many small calls: the interpreter lets threads do only one of them at a time.

    with Processes() as processes:
        processes.call(portion, ...)   # from a thread; as `portion(...)`, in a child that is idle or started

Rules:

* A child waits for calls on a socket that nobody else has, so it ends with this process, however that ends.
* A function is one of a module of ours, and may be done again: where a child cannot be started, or dies, the caller does it.
* Handing a call over costs some 0.1 ms, a start 60 ms of another processor: hand over hundreds of files at once.

Nothing is inherited but standard error, the socket and that SIGINT is blocked, above all no lock on a file. What is typed at a terminal
reaches both: it is for the caller, from the child's first instruction on.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")

COUNT: Final = max(1, min(8, os.cpu_count() or 1))
"""Children that are worth having: they wait for processors, and for the file system's own locks."""
_LEAVE: Final = 5.0  # seconds for a child to end


class Processes:
    """Children that live as long as this, started as they are needed; thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._slots = threading.Semaphore(COUNT)
        self._idle: list[_Child] = []
        self._all: list[_Child] = []
        self._useless = COUNT == 1
        self._closed = False

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns or raises; all of it must be able to go through a pipe.

        Raises:
            OSError, EOFError: it was closed meanwhile.
        """
        with self._slots:
            child = self._take()
            if child is not None:
                try:
                    failed, value = self._ask(child, function, args, kwargs)
                except _Gone:
                    pass
                else:
                    if failed:
                        raise cast("BaseException", value)
                    return cast("T", value)
        return function(*args, **kwargs)

    def close(self) -> None:
        """Let the children end; idempotent."""
        self._closed = True
        with self._guard:
            children, self._all, self._idle = self._all, [], []
        for child in children:
            child.close()
        for child in children:
            child.wait()

    def _ask(
        self, child: "_Child", function: object, args: object, kwargs: object
    ) -> tuple[bool, object]:
        try:
            answer = child.call(function, args, kwargs)
        except (OSError, EOFError) as error:
            child.close()
            if self._closed:
                raise
            self._useless = True
            raise _Gone from error
        except BaseException:
            child.close()  # its answer would be taken for that of another call
            raise
        with self._guard:
            self._idle.append(child)
        return answer

    def _take(self) -> "_Child | None":
        """An idle child, or a new one; None if there can be none."""
        with self._guard:
            if self._idle:
                return self._idle.pop()
            if self._useless:
                return None
        try:
            child = _Child()
        except OSError:
            self._useless = True
            return None
        with self._guard:
            self._all.append(child)
        return child


class _Gone(Exception):
    """A child has ended."""


class _Child:
    """One child, and the socket to it."""

    def __init__(self) -> None:
        """Raises OSError: it cannot be started."""
        import socket  # a tenth of the start of a command, which may need no child
        import subprocess

        from vfs.processes.wire import Wire

        ours, theirs = socket.socketpair()
        with theirs:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # of this thread
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "vfs.processes", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    cwd="/",
                )
            except OSError:
                ours.close()
                raise
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._wire = Wire(ours.detach())

    def call(self, function: object, args: object, kwargs: object) -> tuple[bool, object]:
        """Whether it failed, and how or what came of it. Raises OSError, EOFError: the child is gone."""
        self._wire.send((function, args, kwargs))
        return cast("tuple[bool, object]", self._wire.receive())

    def close(self) -> None:
        """Let it end after what it does."""
        self._wire.close()

    def wait(self) -> None:
        """Until it has ended; one that hangs is ended."""
        from subprocess import TimeoutExpired

        try:
            self._process.wait(_LEAVE)
        except TimeoutExpired:
            self._process.kill()
            self._process.wait()
