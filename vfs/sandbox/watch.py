"""What the commands of a view open, list and make: a watch for each directory, set before the first command starts, and the shadow below it all.

The kernel puts events into a queue and nobody waits. They are read in pieces, a few milliseconds apart, and folded: one entry for each path, in the order in which
paths were first met. Nothing is decoded until the end.

Rules:

* Watches are on directories of the overlay, so that it does not matter which layer has a file; which directories there are is read from the layers. A directory that a command
  makes has none: it is in the upper directory.
* Opening counts as reading. The kernel could also tell of each `read`; that is an event for each piece that is read, twice the cost for small files, and more than the queue holds
  for a program that goes back and forth between two large ones. A file that was written as well is in the upper directory.
* Not gone into: what is bound through or mounted, directories of the names in `ignored`, and those of a Python environment (they have a `pyvenv.cfg`).
* What is not known is a *gap* with a reason, and never an error: the commands run all the same.
* The result is written to a descriptor that the caller gave: for each path one byte that says what happened, the path, NUL; `END` when it is all.

Source: `inotify(7)`; the layout of an event is `struct inotify_event`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct

from vfs.sandbox import kernel, shadow
from vfs.sandbox.survey import Reach, Survey

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is a third of what the program would import
    from collections.abc import Iterator

    from vfs.sandbox.order import Watching

MOST = 1 << 20
"""How many paths are kept; some 200 bytes each."""

OPENED, LISTED, MADE, GHOST, GAP, GHOST_GAP, END = b"olmgxye"

_OPEN, _CREATE, _MOVED_TO = 0x20, 0x100, 0x80
_OVERFLOW, _IS_DIRECTORY = 0x4000, 0x4000_0000
_ONLY_DIRECTORIES, _NO_FOLLOW = 0x0100_0000, 0x0200_0000
_WANTED = _OPEN | _CREATE | _MOVED_TO | _ONLY_DIRECTORIES | _NO_FOLLOW
_NEW = _CREATE | _MOVED_TO
_BUFFER = 1 << 18
_EVENT = struct.Struct("=iIII")
_NUMBER = struct.Struct("=i")
_NOT_ONE = (FileNotFoundError, NotADirectoryError, PermissionError)
_PATH = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Watch:
    """The watches of one view, and its shadow if there can be one."""

    def __init__(self, wanted: Watching) -> None:
        """Nothing of the view may be mounted yet."""
        self._result = wanted["result"]
        self._ignored = frozenset(wanted["ignored"])
        self._gaps: list[tuple[int, bytes]] = []
        self._directories: list[bytes] = []
        self._paths: dict[int, bytes] = {}
        self._seen: dict[bytes, int] = {}
        self._ghosts: list[tuple[int, bytes]] = []
        self._shadow: shadow.Shadow | None = None
        self._point = wanted["shadow"]
        self.queue = -1
        try:
            self.queue = kernel.inotify()
        except OSError as error:
            self._gap(GAP, b"no inotify: ", error)

    @property
    def served_by(self) -> int:
        """The process that is neither a command nor the program; 0 if there is none."""
        return self._shadow.process if self._shadow else 0

    def survey(self, layers: list[int], hidden: list[bytes], kept: list[bytes]) -> list[int]:
        """Read which directories there will be; the layer that goes below all others, open, if it can be had."""
        self._directories, others = Survey(self._ignored, hidden, kept).read(layers)
        try:
            self._shadow = shadow.Shadow(self._point, self._directories, others)
            return [os.open(self._point, _PATH)]
        except OSError as error:
            self._gap(GHOST_GAP, b"no /dev/fuse: ", error)
        return []

    def watch(self, view: int, lowest: list[int]) -> None:
        """Watch a view that was just mounted; nobody has looked into it yet."""
        if lowest:
            self._fill(lowest[0])
        if self.queue < 0:
            return
        reach = Reach(view)
        try:
            for path in self._directories:
                with contextlib.suppress(*_NOT_ONE):
                    number = kernel.add_watch(self.queue, reach.to(path), _WANTED)
                    self._paths[number] = path
        except OSError as error:
            self._gap(GAP, b"directories not watched: ", error)
        finally:
            reach.close()

    def _fill(self, lowest: int) -> None:
        """Have the kernel know the shadow's directories, some dozens at once: the overlay will look for each."""
        above = {path.rpartition(b"/")[0] for path in self._directories if path}
        reach = Reach(lowest)
        with contextlib.suppress(OSError):
            for path in sorted(above):
                os.listdir(reach.to(path))
        reach.close()

    def begin(self) -> None:
        """The commands start: what was touched before does not count."""
        self.read()
        self._seen.clear()
        if self._shadow:
            with contextlib.suppress(OSError):  # what it does not tell in the end is a gap
                self._shadow.begin()

    def read(self) -> None:
        """Fold what is in the queue."""
        with contextlib.suppress(BlockingIOError):
            while self.queue >= 0:
                self._fold(os.read(self.queue, _BUFFER))

    def _fold(self, data: bytes) -> None:
        seen, unpack, at, size = self._seen, _EVENT.unpack_from, 0, len(data)
        while at < size:
            _, mask, _, length = unpack(data, at)
            end = at + 16 + length
            key = data[at : at + 4] + data[at + 16 : end]
            at = end
            if key in seen:
                seen[key] |= mask & ~_NEW  # it is new only if it was not met before
            elif len(seen) < MOST:
                seen[key] = mask
            else:
                seen[b"\xff\xff\xff\xff"] = _OVERFLOW  # as the kernel says it

    def write(self) -> None:
        """Write the result, when nothing of the commands runs any more. Raises OSError."""
        self.read()
        self.gather()
        with open(self._result, "wb", closefd=False) as file:
            for source in (self._events(), self._ghosts, self._gaps):
                for kind, path in source:
                    file.write(b"%c%s\0" % (kind, path))
            file.write(b"%c\0" % END)

    def gather(self) -> None:
        """Nobody is in the view any more: have the ghosts, and end the process that noted them."""
        if not self._shadow:
            return
        whole = False
        for ghost in self._shadow.ghosts():
            whole = not ghost
            if ghost and self._ignored.isdisjoint(ghost.split(b"/")):
                self._ghosts.append((GHOST, ghost))
        if not whole:
            why = b"the process that notes them was ended, or there were too many"
            self._gaps.append((GHOST_GAP, why))
        self._shadow.end()
        self._shadow = None

    def take_down(self) -> None:
        """The view is gone. Raises OSError: there was no shadow."""
        kernel.detach(self._point)

    def _events(self) -> Iterator[tuple[int, bytes]]:
        for key, mask in self._seen.items():
            if mask & _OVERFLOW:
                why = b"there were more events than the queue holds, or more paths than are kept"
                self._gaps.append((GAP, why))
                continue
            above = self._paths.get(_NUMBER.unpack_from(key)[0])
            name = key[4:].rstrip(b"\0")
            if above is None or name in self._ignored:
                continue
            path = above + b"/" + name if above and name else above or name or b"."
            if mask & _NEW:
                yield MADE, path
            elif mask & _OPEN:
                yield LISTED if mask & _IS_DIRECTORY else OPENED, path

    def _gap(self, kind: int, what: bytes, error: OSError) -> None:
        text = os.strerror(error.errno or 0).encode()
        if error.errno == errno.ENOSPC:
            text = b"fs.inotify.max_user_watches is reached"
        elif error.errno == errno.EMFILE:
            text = b"fs.inotify.max_user_instances is reached"
        self._gaps.append((kind, what + text))
