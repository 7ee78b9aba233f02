"""What moves keeps to the limit, down and up, and demands go first."""

import io
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.remotes.conftest import OpenSsh
from vfs.core.turns import TURN, Turn
from vfs.errors import ConfigError, RemoteUnavailable
from vfs.remotes import Remote, RemoteSpec, open_remote, read_body
from vfs.remotes.bandwidth import LIMIT, Bandwidth, BandwidthRemote, Throttle
from vfs.remotes.s3 import writes
from vfs.testing.git_servers import SshServer
from vfs.testing.s3_servers import S3Server
from vfs.testing.web_servers import StoreServer

RATE = 4_000_000
SECONDS = 4.0
DATA = random.Random(1).randbytes(int(RATE * SECONDS))
EXACT = 0.1


def remote_of(server: StoreServer, limit: Bandwidth | None, **options: str) -> Remote:
    spec = RemoteSpec("test", server.url("http", "paced"), {"method": "PUT", **options})
    return open_remote(spec, timeout=20.0, bandwidth=limit)


@pytest.fixture
def server(put_server: StoreServer) -> StoreServer:
    (put_server.new_directory("paced") / "k").write_bytes(DATA)
    return put_server


def seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def read(remote: Remote, start: int, length: int) -> bytes:
    with remote.get("k", start, length) as body:
        return bytes(read_body(body, length))


def test_many_connections_share_it(server: StoreServer) -> None:
    with closing(remote_of(server, Bandwidth(RATE))) as remote, ThreadPoolExecutor(8) as pool:
        part = len(DATA) // 8
        took = seconds(lambda: _all(pool, remote, part))
    assert took == pytest.approx(SECONDS, rel=EXACT)


def _all(pool: ThreadPoolExecutor, remote: Remote, part: int) -> None:
    got = pool.map(lambda number: read(remote, number * part, part), range(8))
    assert b"".join(got) == DATA


def test_two_remotes_share_it_and_one_may_have_less(server: StoreServer) -> None:
    shared = Bandwidth(RATE)
    slow, other = remote_of(server, shared, max_bandwidth="1MB/s"), remote_of(server, shared)
    with closing(slow), closing(other), ThreadPoolExecutor(2) as pool:
        one = pool.submit(seconds, lambda: read(slow, 0, 2_000_000))
        two = pool.submit(seconds, lambda: read(other, 0, 6_000_000))
        assert one.result() == pytest.approx(2.0, rel=EXACT)
        assert two.result() == pytest.approx(2.0, rel=EXACT)


def test_a_rate_that_makes_no_sense(server: StoreServer) -> None:
    with pytest.raises(ConfigError, match="max_bandwidth"):
        remote_of(server, None, max_bandwidth="fast")


@pytest.mark.parametrize("of", [bytes, io.BytesIO])
def test_uploads(server: StoreServer, of: Callable[[bytes], bytes | io.BytesIO]) -> None:
    with closing(remote_of(server, Bandwidth(RATE))) as remote:
        took = seconds(lambda: remote.put("up", of(DATA[:8_000_000])))
    assert took == pytest.approx(2.0, rel=EXACT + 0.1)
    assert (server.root / "paced/up").read_bytes() == DATA[:8_000_000]


@pytest.mark.parametrize("part", [32 << 20, 5 << 20])
def test_uploads_to_s3(ministack: S3Server, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one part, and of several at once."""
    monkeypatch.setattr(writes, "PART", part)
    size = 12_000_000
    limit, data = Bandwidth(size // 2), random.Random(2).randbytes(size)
    bucket = ministack.new_bucket()
    spec = RemoteSpec("test", f"s3://{bucket}/p", ministack.options)
    with closing(open_remote(spec, bandwidth=limit)) as remote:
        remote.prepare()
        remote.put("small", b"x")
        took = seconds(lambda: remote.put("k", io.BytesIO(data)))
        assert took > 1.7  # the server takes its time besides
        with remote.get("k") as body:
            assert body.size == size


def test_over_ssh(ssh_server: SshServer, open_ssh: OpenSsh) -> None:
    """A second's worth, of which a quarter may come at once."""
    remote = BandwidthRemote(open_ssh(), Bandwidth(RATE))
    remote.put("warm", b"x")
    assert seconds(lambda: remote.put("k", DATA[:4_000_000])) > 0.7
    assert LIMIT.get() is None
    with remote.get("k") as body:
        assert seconds(lambda: read_body(body, 4_000_000)) > 0.7


def test_demands_go_first() -> None:
    throttle = Throttle(1_000_000)
    moved = {0: 0, 2: 0}
    stop = threading.Event()

    def move(rank: int) -> None:
        TURN.set(Turn(rank))
        while not stop.is_set():
            moved[rank] += throttle.take(50_000, stop.is_set)

    threads = [threading.Thread(target=move, args=(rank,)) for rank in (2, 2, 0, 0)]
    for thread in threads:
        thread.start()
    stop.wait(1.0)
    stop.set()
    for thread in threads:
        thread.join(10)
    assert moved[0] > 8 * moved[2]


def test_a_rank_may_rise_while_it_waits() -> None:
    throttle = Throttle(100_000)
    late, busy = Turn(2), threading.Event()

    def hold() -> None:
        TURN.set(Turn(1))
        while not busy.is_set():
            throttle.take(5_000, busy.is_set)

    def wait() -> int:
        TURN.set(late)
        return throttle.take(5_000)

    with ThreadPoolExecutor(3) as pool:
        for _ in range(2):
            pool.submit(hold)
        waiting = pool.submit(wait)
        while not late.held:
            busy.wait(0.01)
        assert not waiting.done()
        late.rank = 0
        assert waiting.result(10) == 5_000
        busy.set()


def test_who_waits_ends_with_the_remote(server: StoreServer) -> None:
    remote = remote_of(server, Bandwidth(20_000))
    ended = threading.Event()

    def run() -> None:
        with pytest.raises(RemoteUnavailable):
            read(remote, 0, len(DATA))
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert not ended.wait(0.3)
    remote.close()
    assert ended.wait(10)
    thread.join(10)
