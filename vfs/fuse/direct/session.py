"""The loop of the direct transport: requests read from the device, their answers written to it.

Rules (`docs/concurrency.md`, "The direct transport"): one task reads; it answers what needs no waiting where it was read, and starts a task for what does.
INV: each request is answered once, and nothing that one holds ends the loop.
"""

import contextlib
import errno
import logging
import os
import select
import time
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any, Final

import trio
import trio.lowlevel

from vfs.fs.filesystem import FileSystem
from vfs.fs.reader import Data
from vfs.fuse.direct.handlers import UNSERVED, Answer, Handler, Handlers
from vfs.fuse.direct.interrupts import Waiting
from vfs.fuse.direct.wire import (
    ANSWER,
    ANSWER_SIZE,
    HEADER,
    HEADER_SIZE,
    NAMES,
    UNANSWERED,
    Malformed,
    Opcode,
    parse_number,
)
from vfs.fuse.errnos import errno_of
from vfs.threads import Pool, run_in

log = logging.getLogger("vfs.fuse")

BUFFER_SIZE: Final = 1 << 17
"""Room for the largest request that is looked into: forgets by the thousand. The kernel itself refuses what has no room."""

BURST: Final = 64
"""Requests answered in a row before the loop runs other tasks (about 2 ms of work)."""

SPIN: Final = 100e-6
"""Seconds to poll for the next request, if the last one came that soon: about what a client needs to wake up, work and send it."""

SOON: Final = 2 * SPIN
"""The same as seen by who did not poll, but was woken up."""

_NEEDED_SECONDS: Final = 0.005
"""How often is looked for requests after `stop`."""

_GONE: Final = frozenset({errno.ENODEV, errno.ECONNABORTED, errno.ENOTCONN, errno.EBADF})
"""Of a read: unmounted, aborted."""

_TRANSIENT: Final = frozenset({errno.EINTR, errno.ENOENT})
"""Of a read: the request was taken back while it was read."""

_UNWANTED: Final = frozenset({errno.ENOENT, *_GONE})
"""Of an answer: the caller does not wait for it any more."""


class Session:
    """What serves one device; on the event loop only."""

    def __init__(
        self,
        device: int,
        filesystem: FileSystem,
        drop_pages: Callable[[int], None],
        needed: Callable[[], bool],
        *,
        callers_seen: bool,
    ) -> None:
        """Serve a descriptor of `/dev/fuse`, which does not block and on which INIT was answered.

        Args:
            device: the descriptor; whoever made it closes it.
            filesystem: what is served.
            drop_pages: makes the kernel forget the pages of a file or the listing of a directory; called in a worker thread.
            needed: after `stop`, requests are answered as long as it says so: somebody waits for a lock that the kernel holds for one.
            callers_seen: callers are numbered as in this process's namespace.
        """
        self._device = device
        self._counters = filesystem.counters
        self._drop_pages = drop_pages
        self._needed = needed
        self._stopped = False
        self._buffer = bytearray(BUFFER_SIZE)
        self._into = [self._buffer]
        self._handlers = Handlers(filesystem, self._buffer, self._changes)
        self._table: dict[int, Handler] = {
            **self._handlers.table,
            Opcode.INTERRUPT: self._interrupted,
        }
        self._waiting = Waiting(seen=callers_seen)
        self._soon = True  # the last request came soon after the answer before it
        self._poll = select.poll()
        self._poll.register(device, select.POLLIN)
        self._reading = trio.CancelScope()
        self._changing: set[int] = set()
        self._requests: trio.Nursery
        self._upkeep: trio.Nursery

    async def serve(self) -> None:
        """Until the device ends, or `stop` is called and what waits was answered."""
        async with trio.open_nursery() as self._upkeep:
            async with trio.open_nursery() as self._requests:
                await self._read_on()
            self._upkeep.cancel_scope.cancel()

    def stop(self) -> None:
        """Read no more requests, as soon as none is needed."""
        self._stopped = True
        self._reading.cancel()

    async def _read_on(self) -> None:
        while self._answer_burst():
            if self._stopped:
                if not self._needed():
                    return
                await trio.sleep(_NEEDED_SECONDS)
                continue
            with trio.CancelScope() as self._reading:
                began = time.perf_counter()
                await trio.lowlevel.wait_readable(self._device)
                self._soon = time.perf_counter() - began < SOON
        self._requests.cancel_scope.cancel()  # nobody waits for answers any more

    # -- reading -----------------------------------------------------------------------------------

    def _answer_burst(self) -> bool:
        """Answer what comes, until nothing does or other tasks should run; False if the device has ended."""
        device, into, readv = self._device, self._into, os.readv
        for _ in range(BURST):
            try:
                size = readv(device, into)
            except BlockingIOError:
                if not self._comes_soon():
                    break
                continue
            except OSError as error:
                if error.errno in _TRANSIENT:
                    continue
                if error.errno not in _GONE:
                    log.error("cannot read requests: %s", error)
                return False
            if not size:  # the end of what stands for a device: the kernel's sends no empty request
                return False
            self._answer(size)
        return True

    def _comes_soon(self) -> bool:
        """Poll, if that has paid the last time; a client that does something else between its reads costs nothing."""
        if self._soon:
            poll, now = self._poll.poll, time.perf_counter
            until = now() + SPIN
            while now() < until:
                if poll(0):
                    return True
            self._soon = False
        return False

    def _answer(self, size: int) -> None:
        """Run the handler of the request in the buffer, and send its answer or start a task that will."""
        self._counters.messages += 1
        length, opcode, unique, node, _, _, caller, _, _ = HEADER.unpack_from(self._buffer)
        if size < HEADER_SIZE:  # not even a number to answer to
            log.error("a request of %d bytes was dropped", size)
            return
        try:
            if length != size:
                raise Malformed(f"a request of {size} bytes says it has {length}")
            handler = self._table.get(opcode)
            if handler is None:
                self._refuse(unique, UNSERVED.get(opcode, errno.ENOSYS))
                return
            answer: Any = handler(node, size)
        except Exception as error:
            if opcode not in UNANSWERED:
                self._refuse(unique, self._errno_of(error, opcode))
            return
        if isinstance(answer, CoroutineType):
            scope = self._waiting.begin(unique, caller)
            self._requests.start_soon(self._finish, unique, opcode, scope, answer)
        elif answer is not None:
            self._send(unique, answer)

    async def _finish(
        self,
        unique: int,
        opcode: int,
        scope: trio.CancelScope,
        answering: "Coroutine[Any, Any, Answer]",
    ) -> None:
        """Answer a request that waits. No checkpoint between its last await and the answer."""
        try:
            with scope:
                answer = await answering
                self._send(unique, answer or b"")
                return
            self._refuse(unique, errno.EINTR)
        except Exception as error:  # from around the scope: what is cancelled may fail as well
            self._refuse(unique, self._errno_of(error, opcode))
        finally:
            self._waiting.end(unique, scope)

    def _interrupted(self, _: int, size: int) -> None:
        """A signal came to whoever made a request."""
        unique = parse_number(self._buffer, size)
        if self._waiting.holds(unique):
            self._upkeep.start_soon(self._waiting.interrupt, unique)

    # -- answers -----------------------------------------------------------------------------------

    def _send(self, unique: int, answer: Data) -> None:
        head = ANSWER.pack(ANSWER_SIZE + len(answer), 0, unique)
        try:
            os.writev(self._device, (head, answer))
        except OSError as error:
            if error.errno not in _UNWANTED:  # the kernel found it wrong; it still waits
                log.error("an answer of %d bytes was refused: %s", len(answer), error)
                self._refuse(unique, errno.EIO)

    def _refuse(self, unique: int, number: int) -> None:
        with contextlib.suppress(OSError):  # nobody waits for it any more
            os.write(self._device, ANSWER.pack(ANSWER_SIZE, -number, unique))

    def _errno_of(self, error: Exception, opcode: int) -> int:
        if isinstance(error, Malformed):
            self._failed()
            log.error("operation %d: %s", opcode, error)
            return errno.EIO
        return errno_of(error, NAMES.get(opcode, str(opcode)), self._failed)

    def _failed(self) -> None:
        """Count it for `vfs status`."""
        self._counters.errors += 1

    # -- pages that are not to stay ----------------------------------------------------------------

    def _changes(self, inode: int, seconds: float) -> None:
        if inode not in self._changing:
            self._changing.add(inode)
            self._upkeep.start_soon(self._drop_later, inode, seconds)

    async def _drop_later(self, inode: int, seconds: float) -> None:
        await trio.sleep(seconds)
        self._changing.discard(inode)
        await run_in(Pool.KERNEL, self._drop_pages, inode)
