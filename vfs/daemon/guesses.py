"""Orders that nobody told: the mount watches what programs open, and follows what it foretells (`docs/concurrency.md`, "Known order").

Rules:
  * A guess is made only once somebody had to ask a remote, and followed as an order of a client is, but for its size.
  * It is given up when the program goes another way, or ends.
  * What a program opened is kept when its last process has ended, under the name of the program.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import trio

from vfs.core.reads import FIRST, Reads
from vfs.daemon import guessing, traces
from vfs.daemon.order import Order, Wishes
from vfs.daemon.orders import Orders
from vfs.daemon.upkeep import once
from vfs.threads import Pool, run_in

log = logging.getLogger("vfs.daemon")

MOST_PROCESSES: Final = 1024
"""Watched at once; the one that came first makes room."""

LEAST: Final = 16
"""Files that a program must have opened for its trace to be kept."""

LAST_SECONDS: Final = 2.0
"""How long the end of the daemon waits for what is kept."""

WISHES: Final = Wishes(files=512, size=256 << 20, trail=64)
PORTION: Final = 1024
_WHAT: Final = "guessing what is read next"


class _Watched:
    """A program that runs."""

    def __init__(self, asked: int) -> None:
        self.program: traces.Program | None = None
        self.identified = False
        self.reads = Reads()
        self.asked = asked
        self.order: Order | None = None
        self.length = 0  # of the order
        self.scope: trio.CancelScope | None = None
        self.traced = False

    def give_up(self) -> None:
        self.reads.end()
        self.order = None
        if self.scope is not None:
            self.scope.cancel()


class Guesses:
    """See the module; on the event loop only.

    Args of the constructor:
        orders: follow what was guessed.
        repository: names it, for the names of traces.
        directories: paths that the kernel knows, those first that it came to know last.
    """

    def __init__(
        self, orders: Orders, repository: bytes, directories: Callable[[], Sequence[bytes]]
    ) -> None:
        self._orders = orders
        self._repository = repository
        self._known_now = directories
        self._known_once: Sequence[bytes] = ()
        self._processes: dict[int, _Watched] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                with trio.move_on_after(LAST_SECONDS, shield=True):
                    await once("keeping what was read", self.tidy)

    def touched(self, inode: int, pid: int) -> None:
        """A process opens a file."""
        watched = self._processes.get(pid)
        if watched is None:
            watched = self._meet(pid)
        reads = watched.reads
        if not reads.touch(inode):
            return
        order = watched.order
        if order is not None:
            over = order.at + WISHES.trail + 1 >= watched.length
            if over or not reads.foretold(order.names(inode)):
                watched.give_up()
        elif reads.guess_now() and self._nursery is not None:
            self._nursery.start_soon(once, _WHAT, partial(self._consider, pid, watched))

    def _meet(self, pid: int) -> _Watched:
        if len(self._processes) >= MOST_PROCESSES:
            self._processes.pop(next(iter(self._processes)))
        watched = self._processes[pid] = _Watched(self._asked)
        return watched

    def _directories(self) -> Sequence[bytes]:
        """What the kernel knows; before an unmount it forgets all of it, so then what it has known."""
        found = self._known_now()
        if len(found) >= len(self._known_once):
            self._known_once = found
        return self._known_once

    @property
    def _asked(self) -> int:
        return self._orders.fetcher.accounting.counters.requests

    async def _consider(self, pid: int, watched: _Watched) -> None:
        """A process has opened some files: look who it is, and what it will open next."""
        self._directories()
        if not watched.identified and pid:
            watched.identified = True
            program = await run_in(Pool.CONTROL, traces.identify, pid, self._repository)
            watched = self._known(pid, watched, program)
        if not watched.reads.following and self._asked != watched.asked:
            watched.asked = self._asked
            await self._guess(watched)

    def _known(self, pid: int, watched: _Watched, program: traces.Program | None) -> _Watched:
        """Processes of one program that run side by side are one."""
        known = next((w for w in self._processes.values() if w.program == program), None)
        if program is None or known is None:
            watched.program = program
            return watched
        if self._processes.get(pid) is watched:
            self._processes[pid] = known
        for inode in watched.reads.touches:
            known.reads.touch(inode)
        return known

    async def _guess(self, watched: _Watched) -> None:
        """Somebody had to ask a remote since the last guess."""
        watched.reads.begin()
        touched = list(watched.reads.touches)
        snapshot = self._orders.snapshot()
        paths: list[bytes] = []
        if watched.program is not None and not watched.traced:
            watched.traced = True
            trace = await run_in(Pool.CONTROL, traces.load, watched.program)
            paths = await run_in(Pool.DISK, guessing.from_trace, snapshot, touched, trace)
        if not paths:
            directories = self._directories()
            last = touched[-FIRST:]
            paths = await run_in(Pool.DISK, guessing.from_directories, snapshot, last, directories)
        if paths:
            await self._follow(watched, paths)
        watched.give_up()

    async def _follow(self, watched: _Watched, paths: list[bytes]) -> None:
        """Until all of it was told and passed, or it is given up."""
        send, receive = trio.open_memory_channel[dict[str, Any]](0)
        told = 0

        async def more(progress: dict[str, Any]) -> None:
            nonlocal told
            while told < min(progress["until"], len(paths)):
                part = paths[told : min(progress["until"], told + PORTION)]
                told += len(part)
                await send.send(
                    {"paths": [path.decode("utf-8", "surrogateescape") for path in part]}
                )

        with trio.CancelScope() as watched.scope:
            async with self._orders.following(WISHES) as order:
                watched.order, watched.length = order, len(paths)
                await order.run(more, receive)

    async def tidy(self) -> None:
        """Keep what programs opened that have ended."""
        if not self._processes:
            return
        self._directories()
        ended = await run_in(Pool.CONTROL, traces.ended, list(self._processes))
        gone = [w for pid in ended if (w := self._processes.pop(pid, None)) is not None]
        left = set(map(id, self._processes.values()))
        for watched in {id(w): w for w in gone if id(w) not in left}.values():
            watched.give_up()
            await self._keep(watched)

    async def _keep(self, watched: _Watched) -> None:
        touched = list(watched.reads.touches)
        if watched.program is None or len(touched) < LEAST:
            return
        directories = self._directories()
        snapshot = self._orders.snapshot()
        paths = await run_in(Pool.CONTROL, guessing.named, snapshot, touched, directories)
        if len(paths) >= LEAST:
            await run_in(Pool.CONTROL, traces.save, watched.program, paths)
