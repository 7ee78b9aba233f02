"""A real server on a real socket, with honest, slow, dead and hostile clients."""

import math
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from tests.unit.control.support import record
from vfs.control.client import Errand, Talk, call, peer_process
from vfs.control.protocol import HEADER, REQUEST_LIMIT, Request, encode_request
from vfs.control.registry import MountRecord, connect, locked
from vfs.control.server import MAX_CLIENTS, Dialogue, Handler, _listen, serve
from vfs.errors import DaemonError, ProtocolError, UnknownRevision, UsageError

Data = dict[str, Any]
Report = Callable[[Data], Awaitable[None]]


@asynccontextmanager
async def serving(path: Path, **handlers: Handler | Dialogue) -> AsyncIterator[MountRecord]:
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, path, handlers)
        yield record(path)
        nursery.cancel_scope.cancel()


async def ask(mount: MountRecord, verb: str, args: Data | None = None) -> Data:
    return await trio.to_thread.run_sync(lambda: call(mount, verb, args, timeout=30))


async def echo(args: Data, progress: Report) -> Data:
    return args


async def test_arguments_and_results_pass(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", echo=echo) as mount:
        assert await ask(mount, "echo", {"a": [1, "ü\ud800"]}) == {"a": [1, "ü\ud800"]}


async def test_an_errand_that_is_dropped_is_cancelled(tmp_path: Path) -> None:
    begun, cancelled = trio.Event(), trio.Event()

    async def endless(args: Data, progress: Report) -> Data:
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()
        return {}

    async with serving(tmp_path / "s", endless=endless) as mount:
        errand = await trio.to_thread.run_sync(lambda: Errand(mount, "endless", {}))
        await begun.wait()
        errand.drop()
        await cancelled.wait()
        await trio.to_thread.run_sync(errand.wait)


async def test_progress_arrives_in_order_before_the_result(tmp_path: Path) -> None:
    async def steps(args: Data, progress: Report) -> Data:
        for number in range(args["n"]):
            await progress({"done": number})
            await trio.testing.wait_all_tasks_blocked()  # the sender has taken it
        return {"ok": True}

    async with serving(tmp_path / "s", steps=steps) as mount:
        seen: list[Data] = []

        def client() -> Data:
            return call(mount, "steps", {"n": 3}, seen.append, timeout=30)

        assert await trio.to_thread.run_sync(client) == {"ok": True}
    assert seen == [{"done": 0}, {"done": 1}, {"done": 2}]


async def test_errors_arrive_as_what_they_are(tmp_path: Path) -> None:
    async def fails(args: Data, progress: Report) -> Data:
        raise UnknownRevision("no revision 'x'", hint="git tag")

    async def group(args: Data, progress: Report) -> Data:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails, args, progress)
        return {}

    async with serving(tmp_path / "s", fails=fails, group=group) as mount:
        for verb in ("fails", "group"):
            with pytest.raises(UnknownRevision, match="no revision 'x'") as caught:
                await ask(mount, verb)
            assert caught.value.hint == "git tag"


async def test_a_bug_in_a_handler_is_logged_and_the_server_lives(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(args: Data, progress: Report) -> Data:
        raise KeyError("secret detail")

    async with serving(tmp_path / "s", broken=broken, echo=echo) as mount:
        with pytest.raises(DaemonError, match="internal error in broken: KeyError") as caught:
            await ask(mount, "broken")
        assert caught.value.exit_code == 70
        assert caught.value.code == "internal"
        assert "secret detail" not in caught.value.message
        assert await ask(mount, "echo") == {}
    assert "secret detail" in caplog.text


async def test_a_result_that_is_no_json_is_an_error(tmp_path: Path) -> None:
    async def bad(args: Data, progress: Report) -> Data:
        return {"path": b"bytes"}

    async with serving(tmp_path / "s", bad=bad) as mount:
        with pytest.raises(ProtocolError, match="cannot be written as JSON"):
            await ask(mount, "bad")


async def test_an_unknown_verb_names_the_known_ones(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", echo=echo) as mount:
        with pytest.raises(UsageError, match="unknown request 'nope'") as caught:
            await ask(mount, "nope")
        assert caught.value.hint == "known: echo"


async def test_a_client_that_leaves_cancels_its_handler_only(tmp_path: Path) -> None:
    started, cancelled = trio.Event(), trio.Event()

    async def forever(args: Data, progress: Report) -> Data:
        started.set()
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()
        return {}

    async with serving(tmp_path / "s", forever=forever, echo=echo) as mount:
        with connect(mount.socket) as client:
            client.sendall(encode_request(Request("forever", {})))
            with trio.fail_after(10):
                await started.wait()
        with trio.fail_after(10):
            await cancelled.wait()
        assert await ask(mount, "echo") == {}


async def test_a_client_that_does_not_read_never_blocks_a_handler(tmp_path: Path) -> None:
    finished = trio.Event()

    async def chatty(args: Data, progress: Report) -> Data:
        for _ in range(500):
            await progress({"text": "x" * 10_000})
        finished.set()
        return {}

    async with serving(tmp_path / "s", chatty=chatty) as mount:
        with connect(mount.socket) as client:
            client.sendall(encode_request(Request("chatty", {})))
            with trio.fail_after(10):
                await finished.wait()


async def test_many_clients_at_once(tmp_path: Path) -> None:
    meeting = 20
    arrived = 0
    together = trio.Event()

    async def meet(args: Data, progress: Report) -> Data:
        nonlocal arrived
        arrived += 1
        if arrived == meeting:
            together.set()
        await together.wait()
        return args

    async with serving(tmp_path / "s", meet=meet) as mount:
        results: list[int] = []

        async def one(number: int) -> None:
            results.append((await ask(mount, "meet", {"n": number}))["n"])

        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                for number in range(meeting):
                    nursery.start_soon(one, number)
    assert sorted(results) == list(range(meeting))


async def test_too_many_clients_are_told(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", echo=echo) as mount:
        crowd = []
        try:
            for _ in range(MAX_CLIENTS):
                crowd.append(connect(mount.socket))
                await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(DaemonError, match="more than 64 clients"):
                await ask(mount, "echo")
        finally:
            for client in crowd:
                client.close()
        await trio.testing.wait_all_tasks_blocked()
        assert await ask(mount, "echo") == {}


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        ((REQUEST_LIMIT + 1).to_bytes(HEADER, "big"), "exceeds the limit"),
        (b"GET / HTTP/1.1\r\n\r\n", "exceeds the limit"),
        ((2).to_bytes(HEADER, "big") + b"[]", "does not hold a JSON object"),
        ((4).to_bytes(HEADER, "big") + b"\xff\xff\xff\xff", "does not hold JSON"),
        ((0).to_bytes(HEADER, "big"), "does not hold JSON"),
    ],
)
async def test_hostile_frames_get_an_error_frame(tmp_path: Path, sent: bytes, part: str) -> None:
    async with serving(tmp_path / "s", echo=echo) as mount:

        def client() -> bytes:
            with connect(mount.socket) as connection:
                connection.settimeout(30)
                connection.sendall(sent)
                answer = b""
                while data := connection.recv(4096):
                    answer += data
                return answer

        answer = await trio.to_thread.run_sync(client)
        assert part in answer[HEADER:].decode()
        assert b"control-protocol" in answer
        assert await ask(mount, "echo") == {}


async def test_half_a_request_is_forgotten(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", echo=echo) as mount:
        with connect(mount.socket) as client:
            client.sendall(b"\0\0")
        assert await ask(mount, "echo") == {}


async def test_a_request_that_never_comes_ends(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with serving(tmp_path / "s", echo=echo) as mount:
        with connect(mount.socket) as client:
            client.setblocking(False)
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(client))
            with trio.fail_after(60):
                answer = await stream.receive_some()
            assert b"no request within" in answer


async def test_other_users_are_refused(tmp_path: Path) -> None:
    """A process of another uid that got hold of a connected descriptor is refused by SO_PEERCRED."""
    if os.geteuid() != 0:
        return
    path = tmp_path / "s"
    async with serving(path, echo=echo):
        path.chmod(0o666)
        for directory in (tmp_path, *tmp_path.parents[:-1]):
            directory.chmod(directory.stat().st_mode | 0o011)
        code = (
            "import os, socket, sys; os.setgid(65534); os.setuid(65534)\n"
            "s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1])\n"
            "sys.stdout.buffer.write(s.recv(65536))"
        )
        done = await trio.run_process([sys.executable, "-c", code, str(path)], capture_stdout=True)
        assert b"access-denied" in done.stdout


async def test_the_socket_is_private_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with serving(path, echo=echo) as mount:
        assert path.stat().st_mode & 0o777 == 0o600
        assert peer_process(mount) == os.getpid()
    assert not path.exists()
    assert peer_process(record(path)) is None


async def test_a_second_daemon_is_refused_and_a_dead_socket_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    async with serving(path, echo=echo) as mount:
        with pytest.raises(DaemonError, match="another daemon listens"):
            await serve(path, {})
        assert await ask(mount, "echo") == {}


async def test_a_path_longer_than_a_socket_address(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    async with serving(deep / "0123456789abcdef.sock", echo=echo) as mount:
        assert await ask(mount, "echo", {"a": 1}) == {"a": 1}


async def test_signs_of_life_are_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that lives is waited for, unless the client wants an answer within a time."""
    monkeypatch.setattr("vfs.control.server.BEAT_SECONDS", 0.02)
    monkeypatch.setattr("vfs.control.client.SILENCE_SECONDS", 0.5)
    seen: list[Data] = []

    async def slow(args: Data, progress: Report) -> Data:
        await trio.sleep(1.0 if args else math.inf)
        return {"ok": True}

    async with serving(tmp_path / "s", slow=slow) as mount:
        answer = await trio.to_thread.run_sync(call, mount, "slow", {"n": 1}, seen.append)
        assert answer == {"ok": True}
        with pytest.raises(DaemonError, match="does not answer"):
            await trio.to_thread.run_sync(lambda: call(mount, "slow", timeout=0.2))
    assert seen == []


def test_a_socket_is_made_while_nobody_clears_up(tmp_path: Path) -> None:
    """Between `bind` and `listen` it looks like that of a killed daemon, which anybody may remove."""
    path = tmp_path / "one.sock"
    with ThreadPoolExecutor(1) as pool:
        with locked(tmp_path):
            made = pool.submit(_listen, path)
            with pytest.raises(TimeoutError):
                made.result(0.2)
            assert not path.exists()
        made.result(10).close()
    assert path.exists()


def to_the_end(talk: Talk) -> None:
    while talk.hear() is not None:
        pass


async def test_a_dialogue_hears_portions_until_its_client_leaves(tmp_path: Path) -> None:
    heard: list[Data] = []
    left = trio.Event()

    async def listen(args: Data, progress: Report, portions: AsyncIterator[Data]) -> Data:
        try:
            async for portion in portions:
                heard.append(portion)
                await progress({"heard": len(heard)})
        finally:
            left.set()
        return {}

    async with serving(tmp_path / "s", order=Dialogue(listen)) as mount:

        def client() -> None:
            talk = Talk(mount, "order", {})
            for number in range(3):
                talk.tell({"n": number})
            told: list[Data] = []
            while {"heard": 3} not in told:
                told += talk.hear() or []
            talk.close()

        await trio.to_thread.run_sync(client)
        await left.wait()
    assert heard == [{"n": 0}, {"n": 1}, {"n": 2}]


async def test_a_portion_that_is_none_ends_a_dialogue(tmp_path: Path) -> None:
    async def listen(args: Data, progress: Report, portions: AsyncIterator[Data]) -> Data:
        async for _ in portions:
            pass
        return {}

    async with serving(tmp_path / "s", order=Dialogue(listen)) as mount:

        def client() -> None:
            talk = Talk(mount, "order", {})
            talk._connection.sendall(b"\0\0\0\4nono")
            with pytest.raises(ProtocolError, match="JSON"):
                to_the_end(talk)
            talk.close()

        await trio.to_thread.run_sync(client)
