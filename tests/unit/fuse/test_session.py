"""The loop of the direct transport, over a pair of sockets in the place of the device."""

import errno
import os
import select
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fs.listings import DictListing, Tree
from tests.unit.fuse.test_wire import request
from vfs.errors import UnknownRevision
from vfs.fs.directories import Listing, Unbuilt, View
from vfs.fs.filesystem import FileSystem
from vfs.fs.reader import Reader
from vfs.fuse.direct.session import BUFFER_SIZE, Session
from vfs.fuse.direct.wire import NAMES, UNANSWERED, Opcode
from vfs.store import ChunkStore
from vfs.transfer import Fetcher

TREE: Tree = {b"file": b"1", b"below": {b"x": b"2", b"y": b"33"}}


@dataclass
class Source:
    """One revision, whose snapshot is built when the test says so."""

    built: trio.Event = field(default_factory=trio.Event)

    async def revisions(self) -> Sequence[bytes]:
        return [b"refs/tags/slow"]

    async def view(self, revision: str) -> View:
        if revision != "slow":
            raise UnknownRevision(revision)

        async def build() -> View:
            await self.built.wait()
            return View(cast("Listing", DictListing(TREE)), revision, "c")

        return View(Unbuilt(5), revision, "c", build=build)


def tree_of(source: Source) -> FileSystem:
    """A small tree, none of whose files is read."""
    main = View(cast("Listing", DictListing(TREE)), "main", "c")
    reader = Reader(
        cast("ChunkStore", None), cast("Fetcher", None), lambda origin, blob: [], push_small=0
    )
    return FileSystem(main, source, reader)


class Device:
    """The kernel's end."""

    def __init__(self, kernel: socket.socket, filesystem: FileSystem, source: Source) -> None:
        self.kernel = kernel
        self.filesystem = filesystem
        self.source = source
        self.session: Session
        self.ended = trio.Event()
        self.dropped: list[int] = []
        self.has_dropped = trio.Event()
        self.needed = False
        self._unique = 100

    def drop(self, inode: int) -> None:
        """What the session is told to drop listings with, in a thread."""
        self.dropped.append(inode)
        trio.from_thread.run_sync(self.has_dropped.set)

    def send(
        self, opcode: int, body: bytes = b"", node: int = 1, pid: int = 0, unique: int = 0
    ) -> int:
        """A request; returns its number."""
        self._unique += 2
        number = unique or self._unique
        head = struct.pack("=IIQQIIIHH", 40 + len(body), opcode, number, node, 0, 0, pid, 0, 0)
        self.kernel.send(head + body)
        return number

    async def answer(self) -> tuple[int, int, bytes]:
        """Number, errno and body of the next answer."""
        await trio.lowlevel.wait_readable(self.kernel)
        data = self.kernel.recv(1 << 20)
        length, error, unique = struct.unpack_from("=IiQ", data)
        assert length == len(data)
        return unique, -error, data[16:]

    async def ask(self, opcode: int, body: bytes = b"", node: int = 1) -> tuple[int, bytes]:
        """Errno and body of the answer to a request."""
        number = self.send(opcode, body, node)
        unique, error, answer = await self.answer()
        assert unique == number
        return error, answer

    async def find(self, name: bytes, node: int = 1) -> int:
        """The inode of a name."""
        error, answer = await self.ask(Opcode.LOOKUP, name + b"\0", node)
        assert error == 0
        return int(struct.unpack_from("=Q", answer)[0])

    async def slow(self) -> int:
        """The inode of a directory whose snapshot is not built yet."""
        return await self.find(b"slow", await self.find(b".snapshots"))

    def quiet(self) -> bool:
        """Whether nothing was answered."""
        return not select.select([self.kernel], [], [], 0)[0]


@pytest.fixture
async def device(nursery: trio.Nursery) -> AsyncIterator[Device]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.setblocking(False)
        source = Source()
        filesystem = tree_of(source)
        device = Device(ours, filesystem, source)
        session = Session(
            theirs.fileno(), filesystem, device.drop, lambda: device.needed, callers_seen=True
        )
        device.session, ended = session, device.ended

        async def serve() -> None:
            await session.serve()
            ended.set()

        nursery.start_soon(serve)
        yield device
        source.built.set()
        ours.close()
        await (
            ended.wait()
        )  # without a deadline: some tests have a clock that does not wait for the thread of `drop`


@pytest.fixture
def ended_process() -> int:
    """The number of a process that was."""
    with subprocess.Popen(["true"]) as process:
        return process.pid


async def test_names_and_attributes(device: Device) -> None:
    inode = await device.find(b"file")
    error, answer = await device.ask(Opcode.GETATTR, bytes(16), inode)
    assert error == 0
    assert struct.unpack_from("=QQ", answer, 16) == (inode, 1)
    assert await device.find(b"absent") == 0
    assert (await device.ask(Opcode.GETATTR, bytes(16), 999))[0] == errno.ESTALE


@pytest.mark.parametrize(
    ("opcode", "number"),
    [
        (Opcode.OPEN, errno.ENOSYS),
        (27, errno.ENOSYS),  # OPENDIR
        (25, errno.ENOSYS),  # FLUSH
        (34, errno.ENOSYS),  # ACCESS
        (46, errno.ENOSYS),  # LSEEK
        (52, errno.ENOSYS),  # STATX
        (Opcode.IOCTL, errno.ENOTTY),
        (40, errno.ENOSYS),  # POLL
        (4242, errno.ENOSYS),
        (Opcode.WRITE, errno.EROFS),
        (Opcode.SETATTR, errno.EROFS),
        (Opcode.CREATE, errno.EROFS),
        (Opcode.TMPFILE, errno.EROFS),
        (Opcode.DESTROY, 0),
    ],
)
async def test_what_is_not_done(device: Device, opcode: int, number: int) -> None:
    assert await device.ask(opcode, bytes(64)) == (number, b"")


@pytest.mark.parametrize("flags", [os.O_RDWR, os.O_WRONLY, os.O_TRUNC])
async def test_a_first_open_for_writing_is_refused(device: Device, flags: int) -> None:
    assert (await device.ask(Opcode.OPEN, struct.pack("=II", flags, 0)))[0] == errno.EROFS


@pytest.mark.parametrize("flags", [os.O_APPEND, os.O_CREAT])
async def test_a_first_open_that_writes_nothing_is_answered_as_any(
    device: Device, flags: int
) -> None:
    assert (await device.ask(Opcode.OPEN, struct.pack("=II", flags, 0)))[0] == errno.ENOSYS


async def test_what_is_not_known_costs_no_exception(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's own `open` asks each file whether it is a terminal."""
    monkeypatch.setattr(device.session, "_errno_of", lambda *_: pytest.fail("was raised"))
    assert (await device.ask(Opcode.IOCTL, bytes(32)))[0] == errno.ENOTTY


async def test_a_message_that_has_no_room_is_answered(device: Device) -> None:
    """The kernel sends none; what is cut off is not taken for a whole one."""
    assert await device.ask(Opcode.LOOKUP, b"file\0" + bytes(150_000)) == (errno.EIO, b"")
    assert await device.find(b"file") > 0


async def test_as_many_forgets_as_a_message_holds(device: Device) -> None:
    inode = await device.find(b"file")
    count = (BUFFER_SIZE - 48) // 16
    pairs = struct.pack("=QQ", inode, 1) + struct.pack("=QQ", 1, 1) * (count - 1)
    device.send(Opcode.BATCH_FORGET, struct.pack("=II", count, 0) + pairs)
    assert (await device.ask(Opcode.GETATTR, bytes(16), inode))[0] == errno.ESTALE
    assert (await device.ask(Opcode.GETATTR, bytes(16), 1))[0] == 0, "the root is never forgotten"


async def test_forgets_have_no_answer(device: Device) -> None:
    inode = await device.find(b"file")
    await device.find(b"file")
    device.send(Opcode.FORGET, struct.pack("=Q", 1), inode)
    device.send(Opcode.BATCH_FORGET, struct.pack("=IIQQ", 1, 0, inode, 1))
    assert (await device.ask(Opcode.GETATTR, bytes(16), inode))[0] == errno.ESTALE


def names(answer: bytes, plus: int) -> list[tuple[bytes, int]]:
    """Names and positions of a listing."""
    found = []
    while answer:
        cookie, length = struct.unpack_from("=QI", answer, plus + 8)
        found.append((answer[plus + 24 : plus + 24 + length], cookie))
        answer = answer[plus + 24 + (length + 7) // 8 * 8 :]
    return found


@pytest.mark.parametrize(("opcode", "plus"), [(Opcode.READDIR, 0), (Opcode.READDIRPLUS, 128)])
async def test_a_listing_in_pieces(device: Device, opcode: int, plus: int) -> None:
    seen, cookie = [], 0
    while True:
        error, answer = await device.ask(
            opcode, struct.pack("=QQIIQII", 0, cookie, 2 * (plus + 32), 0, 0, 0, 0)
        )
        assert error == 0
        found = names(answer, plus)
        if not found:
            break
        assert len(found) <= 2
        seen += [name for name, _ in found]
        cookie = found[-1][1]
    assert seen == [b".", b"..", b"below", b"file"]


async def test_requests_that_wait_are_in_nobodys_way(device: Device) -> None:
    """Each is answered, once, when it can be."""
    node = await device.slow()
    waiting = {device.send(Opcode.LOOKUP, b"file\0", node) for _ in range(100)}
    for _ in range(10):
        assert await device.find(b"file") > 0
    device.source.built.set()
    answered = [(await device.answer())[0] for _ in waiting]
    assert sorted(answered) == sorted(waiting)
    assert device.quiet()


async def test_who_is_told_to_end_is_let_go_however_many_wait(
    device: Device, ended_process: int, autojump_clock: trio.testing.MockClock
) -> None:
    """An interrupt comes the way that requests come, so the reader never stops."""
    node = await device.slow()
    number = device.send(Opcode.LOOKUP, b"file\0", node, ended_process)
    for _ in range(1_050):
        device.send(Opcode.LOOKUP, b"file\0", node)
        await trio.lowlevel.checkpoint()
    device.send(Opcode.INTERRUPT, struct.pack("=Q", number), unique=number | 1)
    with trio.fail_after(10):
        assert await device.answer() == (number, errno.EINTR, b"")
        device.kernel.close()  # the others are given up with the device
        await device.ended.wait()


async def test_what_goes_wrong_while_a_request_is_given_up_ends_nothing(
    device: Device,
    ended_process: int,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A handler that is cancelled and fails as well raises both at once."""

    async def lookup(*_: object) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise RuntimeError("while it ended")

    monkeypatch.setattr(device.filesystem, "lookup_nowait", lambda *_: None)
    monkeypatch.setattr(device.filesystem, "lookup", lookup)
    number = device.send(Opcode.LOOKUP, b"file\0", 1, ended_process)
    device.send(Opcode.INTERRUPT, struct.pack("=Q", number), unique=number | 1)
    assert await device.answer() == (number, errno.EIO, b"")
    monkeypatch.undo()
    assert await device.find(b"file") > 0


async def test_a_request_of_a_process_that_was_told_to_end_is_answered_once(
    device: Device, ended_process: int, autojump_clock: trio.testing.MockClock
) -> None:
    node = await device.slow()
    number = device.send(Opcode.LOOKUP, b"file\0", node, ended_process)
    other = device.send(Opcode.LOOKUP, b"file\0", node, os.getpid())
    for unique in (other, number + 1000):  # without a signal pending; unknown
        device.send(Opcode.INTERRUPT, struct.pack("=Q", unique), unique=unique | 1)
    await device.find(b"file")
    for _ in range(3):
        device.send(Opcode.INTERRUPT, struct.pack("=Q", number), unique=number | 1)
    assert await device.answer() == (number, errno.EINTR, b"")
    device.source.built.set()
    unique, error, _ = await device.answer()
    assert (unique, error) == (other, 0)
    assert device.quiet()


async def test_two_that_wait_under_one_number_are_both_answered(device: Device) -> None:
    node = await device.slow()
    for _ in range(2):
        device.send(Opcode.LOOKUP, b"x\0", node, unique=500)
    assert await device.find(b"file") > 0
    device.source.built.set()
    assert [(await device.answer())[:2] for _ in range(2)] == [(500, 0)] * 2
    assert await device.find(b"file") > 0


async def test_a_bug_costs_one_eio(
    device: Device, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(device.filesystem, "lookup_nowait", lambda *_: 1 / 0)
    assert (await device.ask(Opcode.LOOKUP, b"file\0"))[0] == errno.EIO
    monkeypatch.undo()
    assert await device.find(b"file") > 0
    assert "this is a bug" in caplog.text
    assert device.filesystem.counters.errors == 1


async def test_a_listing_that_may_change_is_dropped_after_its_end(
    device: Device, autojump_clock: trio.testing.MockClock
) -> None:
    node = await device.find(b".snapshots")
    body = struct.pack("=QQIIQII", 0, 0, 4096, 0, 0, 0, 0)
    _, answer = await device.ask(Opcode.READDIRPLUS, body, node)
    cookie = names(answer, 128)[-1][1]
    assert device.dropped == []
    body = struct.pack("=QQIIQII", 0, cookie, 4096, 0, 0, 0, 0)
    assert await device.ask(Opcode.READDIRPLUS, body, node) == (0, b"")
    await device.has_dropped.wait()
    assert device.dropped == [node]


async def test_what_was_read_is_answered_before_the_end(device: Device) -> None:
    node = await device.slow()
    number = device.send(Opcode.LOOKUP, b"file\0", node)
    await device.find(b"file")
    device.session.stop()
    await trio.testing.wait_all_tasks_blocked()
    assert not device.ended.is_set()
    device.source.built.set()
    assert (await device.answer())[:2] == (number, 0)
    await device.ended.wait()


async def test_requests_are_answered_while_somebody_waits_for_a_lock_of_the_kernel(
    device: Device,
) -> None:
    """A thread that tells the kernel to forget a name waits for whoever looks one up there."""
    device.needed = True
    device.session.stop()
    assert await device.find(b"file") > 0
    assert not device.ended.is_set()
    device.needed = False
    await device.ended.wait()


messages = st.one_of(
    st.binary(max_size=200),
    st.builds(
        request,
        st.sampled_from([*NAMES, 0, 25, 34, 99, 2**32 - 1]).filter(lambda code: code != 26),
        st.binary(max_size=160),
        st.sampled_from([0, 1, 2, 3, 1 << 61, 1 << 62, 2**64 - 1]),
    ),
)


@settings(deadline=None)
@given(sent=st.lists(messages, max_size=12))
def test_no_message_ends_the_loop_or_goes_unanswered(sent: list[bytes]) -> None:
    """Whatever comes: one answer for each message that can be answered, and the loop lives on."""

    async def main() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            theirs.setblocking(False)
            filesystem = tree_of(Source())
            device = Device(ours, filesystem, Source())
            session = Session(
                theirs.fileno(), filesystem, device.drop, lambda: False, callers_seen=True
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(session.serve)
                for message in sent:
                    if not message:
                        continue
                    ours.send(message)
                    if len(message) >= 40:
                        opcode = struct.unpack_from("=I", message, 4)[0]
                        if opcode not in UNANSWERED:
                            unique, _, _ = await device.answer()
                            assert unique == struct.unpack_from("=Q", message, 8)[0]
                assert await device.find(b"file") > 0
                assert device.quiet()
                session.stop()

    trio.run(main)
