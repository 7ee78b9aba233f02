"""One order in which a client will read: told in portions, fetched ahead of the readers.

Rules (`docs/concurrency.md`, "Known order"):
  * What is told and not passed is bounded by `Window.until`: a client that tells more is refused.
  * Paths are resolved in the snapshot shown when they come. What is no file there keeps its position, is not fetched, and is counted; the client is told of the first.
  * A file that fails ends nothing: it is counted, and whoever reads it is told.
  * A new run of the same client forgets what the last one told, and so does what waits: for one of 32 hands, or for the first of a parcel.
  * Of a parcel one file is brought; what did not come along with it is handed on as what comes alone.
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from typing import Any, Final, NamedTuple, Protocol

import trio

from vfs.core.window import RESERVE, Window
from vfs.daemon.resolving import Item, Resolved, resolved
from vfs.errors import UsageError, VfsError
from vfs.threads import Pool, run_in
from vfs.transfer import Fetcher
from vfs.workspace import Snapshot, Workspace

AT_ONCE: Final = 32
"""Files brought at once; what really runs is decided by the slots of the places."""

BATCH: Final = 64
"""Files looked at in one step of a worker thread."""

DEFAULT_FILES: Final = 2048
MOST_FILES: Final = 65_536
"""How many files ahead an order may be: each costs some 500 bytes."""

PAUSE: Final = 1.0
"""Seconds before more is fetched for a store that takes nothing."""

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Wishes(NamedTuple):
    """What a client wants.

    Attributes:
        files: how many files ahead.
        size: how many bytes ahead at most; 0: as many as an order may.
        trail: how many positions behind the furthest reader others may be.
        drop: whether what is passed may leave the cache before anything else.
    """

    files: int = DEFAULT_FILES
    size: int = 0
    trail: int = 0
    drop: bool = True

    @classmethod
    def of(cls, args: dict[str, Any]) -> "Wishes":
        """From a request. Raises UsageError."""
        files = _count(args, "files", DEFAULT_FILES)
        if not 0 < files <= MOST_FILES:
            raise UsageError(f"{files} files ahead: expected 1 to {MOST_FILES}")
        trail = min(_count(args, "trail", 0), files // 2)
        return cls(files, _count(args, "size", 0), trail, args.get("behind", "drop") == "drop")


class Orders(Protocol):
    """What all orders of a mount share (`vfs.daemon.orders`)."""

    fetcher: Fetcher
    workspace: Workspace

    def snapshot(self) -> Snapshot:
        """The one that is shown now."""

    @property
    def share(self) -> int:
        """Bytes that one order may have fetched ahead."""


class Coming(NamedTuple):
    """A file that is to be brought.

    Attributes:
        item: which.
        part: of what was told.
        position: in that.
        parcel: with what it comes; None: alone.
    """

    item: Item
    part: int
    position: int
    parcel: Hashable


class Order:
    """See the module."""

    def __init__(self, orders: Orders, wishes: Wishes) -> None:
        self.by_client = False  # nobody told it, it was guessed
        self._orders = orders
        self._bringer = orders.fetcher.bringer
        self._outlooks = orders.workspace.store.outlooks
        self._wishes = wishes
        self._run = 0
        self._part = 0  # what is being resolved belongs to this part of what was told
        self._changed = _Bell()
        self._parcels: dict[Hashable, deque[Coming]] = {}  # under way, and what comes with each
        self._left: deque[Coming] = deque()  # did not come along with another
        self._fetched = self._here = self._failed = self._late = self._absent = 0
        self._first_absent = ""
        self._forget()

    def _forget(self) -> None:
        self._window = Window(self._wishes.files, self._orders.share)
        self._told = 0
        self._untold_cursor = True  # the client has not said where it is
        self._texts: deque[str] = deque()
        self._items: deque[Item | None] = deque()  # of [cursor, known)
        self._positions: dict[int, int] = {}

    async def run(self, progress: Send, portions: AsyncIterator[dict[str, Any]]) -> None:
        """Until the client has gone (which cancels this)."""
        send, receive = trio.open_memory_channel[Coming](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._resolve)
            nursery.start_soon(self._take, send)
            nursery.start_soon(self._report, progress)
            for _ in range(AT_ONCE):
                nursery.start_soon(self._bring, receive)
            async for portion in portions:
                self._heed(portion)
            nursery.cancel_scope.cancel()

    def end(self) -> None:
        """What it named comes no more, as far as it knows."""
        for item in self._items:
            if item is not None:
                self._outlooks.leave(item.blob.proven_key, behind=False)
        self._items.clear()

    def figures(self) -> dict[str, Any]:
        """How it does: `at` and what follows are positions; the others count files."""
        return {
            "run": self._run,
            "at": self._window.cursor,
            "taken": self._window.head,
            "known": self._window.known,
            "held": self._window.held,
            "fetched": self._fetched,
            "here": self._here,
            "failed": self._failed,
            "late": self._late,
            "absent": self._absent,
            "first_absent": self._first_absent,
        }

    # -- what the client tells, and what readers do ------------------------------------------------

    def _heed(self, portion: dict[str, Any]) -> None:
        if "run" in portion and (run := _count(portion, "run", 0)) != self._run:
            self.end()
            self._forget()
            self._run = run
            self._part += 1
        paths = portion.get("paths", [])
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise UsageError("an order has a list of paths")
        first = _count(portion, "first", self._told)
        if first > self._told:
            self._skip(first)
        self._told += len(paths)
        if self._told > self._window.until + RESERVE:
            raise UsageError(f"{self._told} paths told, {self._window.until} asked for")
        self._texts.extend(paths)
        if "at" in portion:
            self._untold_cursor = False
            self._move(_count(portion, "at", 0))
        self._changed.ring()

    def names(self, inode: int) -> bool:
        """Whether a file is one of those that come, as far as is known yet."""
        return inode in self._positions or not self._window.known

    @property
    def at(self) -> int:
        """The first position that is not passed."""
        return self._window.cursor

    def touched(self, inode: int) -> bool:
        """A file is being read, by whomever; whether it is one of those that come."""
        position = self._positions.get(inode)
        if position is not None and self._untold_cursor:
            self._move(position)
        return position is not None

    def _move(self, position: int) -> None:
        """Readers have come to a position."""
        self._pass(self._window.move(position - self._wishes.trail))

    def _skip(self, first: int) -> None:
        """The client was overtaken by its readers: what it did not tell is passed."""
        self._texts.clear()
        self._part += 1
        self._told = first
        self._pass(self._window.skip(first))

    def _pass(self, passed: range) -> None:
        for number in passed:
            if not self._items:
                break
            item = self._items.popleft()
            if item is not None:
                self._outlooks.leave(item.blob.proven_key, behind=self._wishes.drop)
                if self._positions.get(item.inode) == number:
                    del self._positions[item.inode]
        if passed:
            self._changed.ring()

    # -- tasks -------------------------------------------------------------------------------------

    async def _resolve(self) -> None:
        """From paths to contents."""
        while True:
            if not self._texts:
                await self._changed.wait()
                continue
            part = self._part
            batch = [self._texts.popleft() for _ in range(min(BATCH, len(self._texts)))]
            paths = [text.encode("utf-8", "surrogateescape") for text in batch]
            found = await run_in(
                Pool.DISK, resolved, self._orders.workspace, self._orders.snapshot(), paths
            )
            if part == self._part:
                self._add(found)

    def _add(self, found: Resolved) -> None:
        if found.absent and not self._absent:
            self._first_absent = found.absent[0].decode("utf-8", "surrogateescape")
        self._absent += len(found.absent)
        for position, item in enumerate(found.items, self._window.known):
            if position >= self._window.cursor:
                self._items.append(item)
                if item is not None:
                    self._positions[item.inode] = position
                    self._outlooks.come(item.blob.proven_key)
        self._window.add(0 if item is None else item.blob.size for item in found.items)
        self._changed.ring()

    async def _take(self, send: "trio.MemorySendChannel[Coming]") -> None:
        """Hand on what is to be fetched and is not here."""
        while True:
            while self._left:
                await send.send(self._left.popleft())
            share = self._orders.share
            self._window.size = min(self._wishes.size or share, share)
            positions = self._window.take(BATCH)
            if not positions:
                await self._changed.wait()
                continue
            part, cursor = self._part, self._window.cursor
            items = [item for p in positions if (item := self._items[p - cursor]) is not None]
            wanted = [(item.blob, item.places) for item in items]
            missing = await run_in(Pool.DISK, self._bringer.missing, wanted)
            for position, item, absent in zip(positions, items, missing, strict=True):
                if absent is None:
                    self._here += 1
                    continue
                coming = Coming(item, part, position, absent.parcel)
                if self._is_passed(coming):
                    self._late += 1
                elif absent.parcel in self._parcels:
                    self._parcels[absent.parcel].append(coming)
                else:
                    if absent.parcel is not None:
                        self._parcels[absent.parcel] = deque()
                    await send.send(coming)

    async def _bring(self, receive: "trio.MemoryReceiveChannel[Coming]") -> None:
        async for coming in receive:
            if (first := self._first(coming)) is not None:
                await self._bring_one(first.item)
            for other in self._parcels.pop(coming.parcel, ()):
                if self._is_passed(other):
                    self._late += 1
                elif self._bringer.is_small_and_here(other.item.blob):
                    self._fetched += 1
                else:
                    self._left.append(other._replace(parcel=None))
            if self._left:
                self._changed.ring()

    def _is_passed(self, coming: Coming) -> bool:
        return coming.part != self._part or coming.position < self._window.cursor

    def _first(self, coming: Coming) -> Coming | None:
        """Of it and of what waits for its parcel, the first that is still to be read."""
        waiting = self._parcels.get(coming.parcel, deque())
        while self._is_passed(coming):
            self._late += 1
            if not waiting:
                return None
            coming = waiting.popleft()
        return coming

    async def _bring_one(self, item: Item) -> None:
        if self._bringer.is_small_and_here(item.blob):  # it came along with another
            self._fetched += 1
            return
        try:
            taken = await self._bringer.bring(item.blob, item.places)
        except VfsError:
            self._failed += 1
        else:
            self._fetched += 1
            if not taken:
                await trio.sleep(PAUSE)

    async def _report(self, progress: Send) -> None:
        """Ask the client for more, once there is room for a good deal; tell it at once of the first path that is no file."""
        asked = (-1, 0, False)
        while True:
            run, until, strayed = self._run, self._window.until, self._absent > 0
            if run != asked[0] or until >= asked[1] + RESERVE // 8 or strayed != asked[2]:
                asked = run, until, strayed
                await progress({"run": run, "until": until, **self.figures()})
            await self._changed.wait()


class _Bell:
    """Wakes whoever waits for it."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        self._event.set()
        self._event = trio.Event()

    async def wait(self) -> None:
        await self._event.wait()


def _count(args: dict[str, Any], key: str, default: int) -> int:
    value = args.get(key, default)
    if type(value) is not int or not 0 <= value < 1 << 60:
        raise UsageError(f"an order's {key!r} is no count")
    return value
