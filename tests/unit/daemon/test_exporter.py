"""Metrics over HTTP: what Prometheus' own parser makes of them, and scrapers that hang, crowd or leave."""

import os
import socket
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import trio
import trio.testing
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as families

from vfs.daemon import exporter as module
from vfs.daemon.exporter import MOST_SCRAPERS, Exporter
from vfs.errors import DaemonError
from vfs.metrics import BOUNDS, Distribution
from vfs.metrics.samples import Sample, Samples
from vfs.testing.mounts import wait_until

SPREAD = Distribution(tuple(range(len(BOUNDS) + 1)), 12.5)


def _samples() -> list[Sample]:
    samples = Samples()
    samples.add("vfs_requests_total", 7, "read")
    samples.add("vfs_requests_total", 2, "lookup")
    samples.add("vfs_inodes", 3)
    samples.add("vfs_remote_request_seconds", SPREAD, 'odd "name"\\')
    return samples.all()


@asynccontextmanager
async def _serving(
    address: str = "127.0.0.1:0", take: Callable[[], list[Sample]] = _samples
) -> AsyncIterator[Exporter]:
    exporter = Exporter(address)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                exporter.run, lambda token: trio.from_thread.run_sync(take, trio_token=token)
            )
            await trio.testing.wait_all_tasks_blocked()
            yield exporter
            nursery.cancel_scope.cancel()
    finally:
        exporter.close()


def _get(url: str, accept: str = "") -> tuple[str, str]:
    request = urllib.request.Request(url, headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode(), answer.headers["Content-Type"]


def _connect(exporter: Exporter) -> socket.socket:
    port = int(exporter.url.rsplit(":", 1)[1].partition("/")[0])
    return socket.create_connection(("127.0.0.1", port), 20)


def _ended(connection: socket.socket) -> bytes:
    connection.settimeout(20)
    said = b""
    while data := connection.recv(4096):
        said += data
    return said


@pytest.mark.parametrize(
    ("accept", "kind", "parser"),
    [
        ("", "text/plain", families),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text", open_families),
    ],
)  # fmt: skip
async def test_prometheus_reads_it(accept: str, kind: str, parser: Callable[..., object]) -> None:
    async with _serving() as exporter:
        text, content_type = await trio.to_thread.run_sync(_get, exporter.url, accept)
    assert content_type.startswith(kind)
    found = {family.name: family for family in parser(text)}  # type: ignore[attr-defined]
    requests = found["vfs_requests"]
    assert requests.type == "counter"
    assert {sample.labels["op"]: sample.value for sample in requests.samples} == {
        "read": 7,
        "lookup": 2,
    }
    assert found["vfs_inodes"].type == "gauge"
    answers = found["vfs_remote_request_seconds"]
    assert answers.type == "histogram"
    by_name = {(s.name, s.labels.get("le")): s for s in answers.samples}
    assert by_name["vfs_remote_request_seconds_sum", None].value == 12.5
    assert by_name["vfs_remote_request_seconds_count", None].value == SPREAD.number
    assert by_name["vfs_remote_request_seconds_bucket", "+Inf"].value == SPREAD.number
    assert by_name["vfs_remote_request_seconds_bucket", "1.0"].value == sum(
        range(BOUNDS.index(1.0) + 1)
    )
    assert by_name["vfs_remote_request_seconds_sum", None].labels == {"remote": 'odd "name"\\'}


async def test_other_paths_are_not_there() -> None:
    async with _serving() as exporter:
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            await trio.to_thread.run_sync(_get, exporter.url.replace("/metrics", "/secrets"))
        refused.value.close()


async def test_a_scraper_that_hangs_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 1.0)
    async with _serving() as exporter:
        with closing(_connect(exporter)) as silent, closing(_connect(exporter)) as slow:
            slow.sendall(b"GET /metrics HTT")
            ended = await trio.to_thread.run_sync(_ended, silent)
            assert ended == b""
            await trio.to_thread.run_sync(wait_until, lambda: _closed(slow), "its end")
        text, _ = await trio.to_thread.run_sync(_get, exporter.url)
        assert "vfs_inodes 3.0" in text


async def test_a_crowd_is_turned_away_and_harms_nobody() -> None:
    async with _serving() as exporter:
        crowd = [_connect(exporter) for _ in range(MOST_SCRAPERS)]
        try:
            with closing(_connect(exporter)) as one_more:
                await trio.to_thread.run_sync(wait_until, lambda: _closed(one_more), "its end")
            for connection in crowd:
                connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            for connection in crowd:
                assert b"vfs_inodes 3.0" in await trio.to_thread.run_sync(_ended, connection)
        finally:
            for connection in crowd:
                connection.close()


def _closed(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        return connection.recv(1) == b""
    except OSError:
        return True


async def test_of_an_endless_request_little_is_read() -> None:
    async with _serving() as exporter:
        with closing(_connect(exporter)) as endless:
            endless.sendall(b"GET /metrics HTTP/1.0\r\n" + b"X: y\r\n" * 5000)  # and no end of it
            answer = await trio.to_thread.run_sync(_ended_or_reset, endless)
        assert answer in (b"", b"H")  # it is answered by what was read, or not at all
        text, _ = await trio.to_thread.run_sync(_get, exporter.url)
        assert "vfs_inodes 3.0" in text


def _ended_or_reset(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1)
    except ConnectionResetError:
        return b""


async def test_a_flood_of_scrapes_is_answered_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs the mount some milliseconds of its processor, so they are paced, not refused."""
    monkeypatch.setattr(module, "PAUSE", 0.2)
    times: list[float] = []

    def take() -> list[Sample]:
        times.append(time.monotonic())
        return _samples()

    async with _serving(take=take) as exporter:

        async def scrape() -> None:
            await trio.to_thread.run_sync(_get, exporter.url)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(scrape)
    assert len(times) == 5
    assert times[-1] - times[0] >= 4 * 0.2 - 0.1


@pytest.mark.parametrize(
    ("address", "open_to_all"),
    [("127.0.0.1:0", False), ("localhost:0", False), ("0.0.0.0:0", True), ("[::1]:0", False), ("[::]:0", True)],
)  # fmt: skip
def test_an_address_that_others_can_reach_is_told_of(address: str, open_to_all: bool) -> None:
    exporter = Exporter(address)
    exporter.close()
    assert ("no password" in exporter.notice) is open_to_all
    assert open_to_all or not exporter.notice


def test_it_listens_where_it_was_asked_to_and_nowhere_else() -> None:
    # Another program may have the same port elsewhere, but not all of ten.
    assert any(_is_alone_at("127.0.0.2", "127.0.0.1") for _ in range(10))


def _is_alone_at(asked: str, other: str) -> bool:
    """Whether one that was asked to listen at an address has nobody at the other with its port."""
    with closing(Exporter(f"{asked}:0")) as exporter:
        port = exporter._server.listening.getsockname()[1]
        socket.create_connection((asked, port), 20).close()
        try:
            socket.create_connection((other, port), 20).close()
        except ConnectionRefusedError:
            return True
        return False


async def test_one_that_leaves_is_forgotten() -> None:
    async with _serving() as exporter:
        for _ in range(3 * MOST_SCRAPERS):
            _connect(exporter).close()

        def served() -> bool:
            try:
                return "vfs_inodes" in _get(exporter.url)[0]
            except OSError:  # they are not all forgotten yet
                return False

        await trio.to_thread.run_sync(wait_until, served, "an answer after all have left")


async def test_figures_are_taken_on_the_loop() -> None:
    taken: list[int] = []

    def take() -> list[Sample]:
        taken.append(threading.get_ident())
        return _samples()

    async with _serving(take=take) as exporter:
        answers: list[str] = []

        async def scrape() -> None:
            answers.append((await trio.to_thread.run_sync(_get, exporter.url))[0])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(scrape)
        assert answers
        assert taken == [threading.get_ident()]


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    async with _serving(str(path)) as exporter:
        assert exporter.url == str(path)
        assert path.stat().st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(path))
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert b"vfs_inodes 3.0" in await trio.to_thread.run_sync(_ended, connection)
        with pytest.raises(DaemonError, match=r"metrics cannot be given at .*in use") as refused:
            Exporter(str(path))
        assert "another mount or program" in (refused.value.hint or "")
    assert not path.exists()


def test_a_socket_of_a_daemon_that_was_killed_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "left"
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.close()
    Exporter(str(path)).close()
    path.write_text("precious")
    with pytest.raises(DaemonError, match="in use"):
        Exporter(str(path))
    assert path.read_text() == "precious"


def test_an_address_that_cannot_be_had_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DaemonError, match=f"127.0.0.1:{port}.*in use") as refused:
            Exporter(f"127.0.0.1:{port}")
    assert "--metrics-listen" in (refused.value.hint or "")
    with pytest.raises(DaemonError, match=r"no\.such\.host\.invalid"):
        Exporter("no.such.host.invalid:9464")
    with pytest.raises(DaemonError, match="No such file"):
        Exporter("/no/such/directory/socket")


def test_nothing_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for address in ("127.0.0.1:0", str(tmp_path / "socket")):
        Exporter(address).close()
    assert len(os.listdir("/proc/self/fd")) == before
