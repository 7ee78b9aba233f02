"""The lowest layer of a view: a FUSE file system that has the directories of the layers above it and nothing else, and notes what is looked for in vain.

What a layer above has as a file never gets here, and a directory does once. So the first look-up of any other name is one that no layer has: a *ghost*.
The kernel keeps the answer, so that it costs once.

Rules:

* It is served by a process of its own, which never looks at the view: it cannot wait for itself, and when whoever waits for it is killed, it ends and the kernel answers.
* It ends with the program that started it. Nobody else holds its `/dev/fuse`.
* It is told which directories there are. What is looked for before the commands begin is no ghost, and the kernel does not keep the answer.

Format: `linux/fuse.h`, protocol 7.31; the ghosts come as paths, each with a NUL behind it, and a NUL alone when that was all.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import struct

from vfs.sandbox import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator
else:  # as `vfs.sandbox.program` has it
    import _signal as signal

MOST = 1 << 18
"""How many ghosts are kept."""

_DEVICE = b"/dev/fuse"
_BUFFER = 1 << 16
_FOR_EVER = 1 << 31
_ROOT = 1
_LOOKUP, _FORGET, _GETATTR, _STATFS, _INIT, _READDIR, _DESTROY = 1, 2, 3, 17, 26, 28, 38
_BATCH_FORGET, _READDIRPLUS = 42, 44
_PLUS, _PARALLEL, _NO_OPENDIR = 1 << 13, 1 << 18, 1 << 24
_MINOR = 31

_HEAD_IN = struct.Struct("=IIQQIIII")
_HEAD_OUT = struct.Struct("=IiQ")
_INIT_IN = struct.Struct("=IIII")
_INIT_OUT = struct.Struct("=IIIIHHIIHHI28x")
_ATTR = struct.Struct("=QQQQQQIIIIIIIIII")
_ENTRY = struct.Struct("=QQQQII")
_ATTR_OUT = struct.Struct("=QII")
_READ_IN = struct.Struct("=QQI")
_NAME = struct.Struct("=QQII")
_STATFS_OUT = struct.Struct("=QQQQQIIII24x")


class Shadow:
    """The process that serves one, as the program has it."""

    def __init__(self, point: bytes, directories: list[bytes], others: list[bytes]) -> None:
        """Mount it on a directory, and serve it.

        Args:
            point: the directory.
            directories: those that it has, each after the one that it is in.
            others: what a layer above has, and it has not.

        Raises:
            OSError: there is no FUSE here.
        """
        asking, self._ask = os.pipe2(os.O_CLOEXEC)
        self._hear, saying = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        self.process = os.fork()
        if not self.process:
            os.close(self._ask)
            os.close(self._hear)
            try:
                _serve(point, directories, others, asking, saying, parent)
            finally:
                os._exit(0)
        os.close(asking)
        os.close(saying)
        said = os.read(self._hear, 2)
        if said != bytes(2):
            self.end()
            number = int.from_bytes(said, "big") or errno.EIO
            raise OSError(number, os.strerror(number), os.fsdecode(_DEVICE))

    def begin(self) -> None:
        """From now on, what is looked for in vain is a ghost. Raises OSError: it is gone."""
        os.write(self._ask, b"\0")
        if not os.read(self._hear, 1):
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE), os.fsdecode(_DEVICE))

    def ghosts(self) -> Iterator[bytes]:
        """All of them, in order; b"" last if none is missing. It ends."""
        os.close(self._ask)
        self._ask = -1
        rest = b""
        while piece := os.read(self._hear, _BUFFER):
            *whole, rest = (rest + piece).split(b"\0")
            yield from whole

    def end(self) -> None:
        """It is no longer needed."""
        for number in (self._ask, self._hear):
            if number >= 0:
                os.close(number)
        self._ask = self._hear = -1
        with contextlib.suppress(ChildProcessError):  # whoever waits for all children has met it
            os.waitpid(self.process, 0)


def _serve(
    point: bytes,
    directories: list[bytes],
    others: list[bytes],
    asking: int,
    saying: int,
    parent: int,
) -> None:
    """The child: mount, say so, and serve until nobody asks any more."""
    kernel.die_with_parent(signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if os.getppid() != parent:
        return
    try:
        device = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        owner = os.geteuid(), os.getegid()
        options = b"fd=%d,rootmode=40000,user_id=%d,group_id=%d" % (device, *owner)
        flags = kernel.NOSUID | kernel.NODEV | kernel.READ_ONLY
        kernel.mount(b"vfs-shadow", point, b"fuse.vfs-shadow", flags, options)
    except OSError as error:
        os.write(saying, (error.errno or errno.EIO).to_bytes(2, "big"))
        return
    server = _Server(device, asking, saying)
    server.learn(directories, others)
    os.write(saying, bytes(2))
    server.serve()


class _Server:
    """What is known of the file system: each directory by its number, with the number of the one that it is in and its name there."""

    def __init__(self, device: int, asking: int, saying: int) -> None:
        self._device, self._asking, self._saying = device, asking, saying
        self._begun = False
        self._names: list[tuple[int, bytes]] = [(0, b""), (0, b"")]
        self._numbers: dict[tuple[int, bytes], int] = {}
        self._within: dict[int, list[int]] = {}
        self._others: set[tuple[int, bytes]] = set()
        self._ghosts: dict[tuple[int, bytes], None] = {}
        self._whole = True
        self._owner = os.geteuid(), os.getegid()
        self._answers: dict[int, Callable[[int, bytes], bytes]] = {
            _LOOKUP: self._lookup,
            _GETATTR: lambda node, _: _ATTR_OUT.pack(_FOR_EVER, 0, 0) + self._attributes(node),
            _STATFS: lambda *_: _STATFS_OUT.pack(0, 0, 0, 0, 0, 4096, 255, 4096, 0),
            _INIT: _init,
            _READDIR: lambda *_: b"",
            _READDIRPLUS: self._list,
            _DESTROY: lambda *_: b"",
        }

    def serve(self) -> None:
        """Until nobody asks any more, or the file system is gone."""
        waits = select.poll()
        waits.register(self._device, select.POLLIN)
        waits.register(self._asking, select.POLLIN)
        while True:
            for number, _ in waits.poll():
                if number == self._device:
                    if not self._request():
                        waits.unregister(number)
                elif os.read(self._asking, 1):
                    self._begun = True
                    os.write(self._saying, b"\0")
                else:
                    self._tell()
                    return

    def _request(self) -> bool:
        """Answer one; whether there will be more."""
        try:
            data = os.read(self._device, _BUFFER)
        except OSError as error:
            return error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT)
        _, code, unique, node, *_ = _HEAD_IN.unpack_from(data)
        if code in (_FORGET, _BATCH_FORGET):
            return True  # nothing is: the walk's directories are wanted to the end
        answer = self._answers.get(code)
        result, number = b"", -errno.ENOSYS
        if answer is not None:
            result, number = answer(node, data[_HEAD_IN.size :]), 0
        with contextlib.suppress(OSError):  # whoever asked waits no longer
            os.write(
                self._device, _HEAD_OUT.pack(_HEAD_OUT.size + len(result), number, unique) + result
            )
        return True

    def _lookup(self, node: int, data: bytes) -> bytes:
        key = node, data.rstrip(b"\0")
        known = self._numbers.get(key)
        if known is not None:
            return self._entry(known)
        if not self._begun:
            return _ENTRY.pack(0, 0, 0, 0, 0, 0) + bytes(_ATTR.size)
        if key in self._others:
            pass
        elif len(self._ghosts) < MOST:
            self._ghosts[key] = None
        else:
            self._whole &= key in self._ghosts
        return _ENTRY.pack(0, 0, _FOR_EVER, 0, 0, 0) + bytes(_ATTR.size)

    def _list(self, node: int, data: bytes) -> bytes:
        """As many entries as there is room for, each with what a look-up of it would be answered."""
        _, at, room = _READ_IN.unpack_from(data)
        parts: list[bytes] = []
        for number in self._within.get(node, ())[at:]:
            at += 1
            name = self._names[number][1]
            head = _NAME.pack(number, at, len(name), stat.S_IFDIR >> 12)
            part = self._entry(number) + head + name + bytes(-len(name) % 8)
            room -= len(part)
            if room < 0:
                break
            parts.append(part)
        return b"".join(parts)

    def learn(self, directories: list[bytes], others: list[bytes]) -> None:
        """What there is, as `Shadow` was told."""
        numbers = {b"": _ROOT}
        for path in directories:
            if path:
                above, _, name = path.rpartition(b"/")
                key = numbers[above], name
                number = numbers[path] = self._numbers[key] = len(self._names)
                self._names.append(key)
                self._within.setdefault(key[0], []).append(number)
        for path in others:
            above, _, name = path.rpartition(b"/")
            self._others.add((numbers[above], name))

    def _entry(self, node: int) -> bytes:
        return _ENTRY.pack(node, 0, _FOR_EVER, _FOR_EVER, 0, 0) + self._attributes(node)

    def _attributes(self, node: int) -> bytes:
        mode = stat.S_IFDIR | 0o755
        return _ATTR.pack(node, 0, 0, 0, 0, 0, 0, 0, 0, mode, 2, *self._owner, 0, 4096, 0)

    def _tell(self) -> None:
        with open(self._saying, "wb", buffering=_BUFFER) as pipe:
            for node, name in self._ghosts:
                parts = [name]
                while node != _ROOT:
                    node, name = self._names[node]
                    parts.append(name)
                pipe.write(b"/".join(reversed(parts)) + b"\0")
            if self._whole:
                pipe.write(b"\0")


def _init(_: int, data: bytes) -> bytes:
    _, _, ahead, offered = _INIT_IN.unpack_from(data)
    flags = offered & (_PLUS | _PARALLEL | _NO_OPENDIR)
    return _INIT_OUT.pack(7, _MINOR, ahead, flags, 0, 0, 4096, 1, 0, 0, 0)
