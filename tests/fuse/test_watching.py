"""What a mount tells of itself while it works: `vfs stats`, `vfs top`, Prometheus, and the log with ids of requests; over a remote that can be held up."""

import errno
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vfs.metrics.table import BY_NAME, Kind
from vfs.testing.faulty_proxy import FaultyProxy, do_first, stall, status
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, is_mounted, wait_until
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.fuse, pytest.mark.s3]

SMALL = {f"{number:03}.jpg": bytes([number]) * 20_000 for number in range(30)}
LARGE = os.urandom(3 << 20)
HOSTILE = "\x1b[2Jdata\x1b]0;title\x07[red]"
ONLY_WHEN_THERE = {"vfs_remote_errors_total"}
"""Metrics whose labels come with what they count."""


@pytest.fixture
def proxy(ministack: S3Server) -> Iterator[FaultyProxy]:
    with FaultyProxy(ministack.port) as running:
        yield running


@pytest.fixture
def repository(sandbox: Sandbox, ministack: S3Server, proxy: FaultyProxy) -> HandmadeRepository:
    bucket = ministack.new_bucket()
    repo = HandmadeRepository(
        sandbox,
        sandbox.root / "repository",
        remote_url=f"s3://{bucket}/data",
        remote_options={**ministack.options, "endpointurl": proxy.endpoint},
    )
    repo.commit(
        directories={"images": SMALL}, files={"large.bin": LARGE, HOSTILE: b"h" * 100_000}, tag="v1"
    )
    client = ministack.client()
    repo.upload(lambda key, data: client.put_object(Bucket=bucket, Key=f"data/{key}", Body=data))
    repo.lose_remote()
    return repo


def _figures(mount: Mount) -> dict[tuple[str, ...], Any]:
    """What `vfs stats --json` says, by name and labels."""
    documents = map(json.loads, mount.cli("stats", "--json", mount.path).stdout.splitlines())
    return {
        (one["name"], *one["labels"].values()): one.get("value", one.get("count"))
        for one in documents
    }


def _read_all(mount: Mount) -> int:
    for name, data in SMALL.items():
        assert (mount.path / "images" / name).read_bytes() == data
    assert (mount.path / "large.bin").read_bytes() == LARGE
    return sum(map(len, SMALL.values())) + len(LARGE)


def test_every_metric_of_the_table_is_given_and_true(
    repository: HandmadeRepository, mounts: MountFactory
) -> None:
    mount = mounts(repository.root, "v1", "--metrics-listen", "127.0.0.1:0")
    size = _read_all(mount)
    found = _figures(mount)
    assert {name for name, *_ in found} == set(BY_NAME) - ONLY_WHEN_THERE
    assert found["vfs_read_bytes_total",] + found["vfs_pushed_bytes_total",] == size
    assert found["vfs_requests_total", "read"] == found["vfs_cache_hits_total",] + found["vfs_cache_misses_total",]  # fmt: skip
    assert found["vfs_requests_total", "read"] + found["vfs_pushed_files_total",] >= len(SMALL) + 1
    assert found["vfs_cache_misses_total",] > 0  # what follows in the directory is fetched ahead
    assert found["vfs_remote_received_bytes_total", "store"] >= size
    assert (
        found["vfs_remote_request_seconds", "store"] == found["vfs_remote_requests_total", "store"]
    )
    assert found["vfs_snapshot_files",] == len(SMALL) + 6  # with pointers and .dvc/config
    assert found["vfs_readers_waiting",] == 0
    assert found["vfs_reader_stall_seconds_total",] > 0
    mount.switch("main")
    url = json.loads(mount.cli("status", "--json", mount.path).stdout)["metrics"]
    with urllib.request.urlopen(url, timeout=20) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    told = {sample.name: sample for family in families for sample in family.samples}
    assert told["vfs_switches_total"].value == 1
    assert {family.type for family in families} == {kind.value for kind in Kind}
    assert not any("/" in label for one in told.values() for label in one.labels.values())


def test_text_is_grouped_and_intervals_tell_what_changed(
    repository: HandmadeRepository, mounts: MountFactory
) -> None:
    mount = mounts(repository.root, "v1")
    _read_all(mount)
    text = mount.cli("stats", mount.path).stdout.decode()
    assert re.search(r"^requests:\n  requests .*open \d+", text, re.MULTILINE)
    assert re.search(r"^  bytes received +store 3\.\d MiB", text, re.MULTILINE)
    changed = mount.cli("stats", mount.path, "--interval", "0.2", "--count", "1").stdout.decode()
    assert "the last 0." in changed
    assert re.search(r"^  bytes read +0 B$", changed, re.MULTILINE)


def test_who_waits_and_for_what(
    repository: HandmadeRepository, mounts: MountFactory, proxy: FaultyProxy
) -> None:
    mount = mounts(repository.root, "v1")
    go = threading.Event()
    asked = len(proxy.requests)
    proxy.always(do_first(lambda: go.wait(60)))
    reader = threading.Thread(target=(mount.path / "images" / "007.jpg").read_bytes)
    reader.start()
    try:
        wait_until(lambda: len(proxy.requests) > asked, "the remote to be asked")
        wait_until(lambda: _figures(mount)["vfs_readers_waiting",] == 1, "a waiting reader")
        before = _figures(mount)["vfs_reader_stall_seconds_total",]
        wait_until(
            lambda: _figures(mount)["vfs_reader_stall_seconds_total",] > before + 0.2,
            "time that grows while it waits",
        )
        line = mount.cli("top", "--once", "--interval", "0.3", mount.path).stdout.decode()
        waited = re.search(r"waited (\d\.\d+) s/s, 1 now", line)
        assert waited is not None, line
        assert 0.5 < float(waited[1]) < 1.5
    finally:
        go.set()
        proxy.always(None)
        reader.join()
    (document,) = mount.cli("top", "--once", "--interval", "0.1", "--json", mount.path).stdout.splitlines()  # fmt: skip
    said = json.loads(document)
    assert said["waiting"] == 0
    assert max(said["hot"], key=lambda one: one["stall_seconds"])["path"] == "images/007.jpg"
    assert _figures(mount)["vfs_read_wait_seconds",] >= 1


def test_lines_of_one_request_have_one_id(
    repository: HandmadeRepository, mounts: MountFactory, proxy: FaultyProxy
) -> None:
    mounts.allow("WARNING")
    mount = mounts(repository.root, "v1", "--log-json", "-o", "transfer.deadline=10,transfer.request_timeout=4")  # fmt: skip
    proxy.plan(status(503), status(503))
    assert (mount.path / "images" / "001.jpg").read_bytes() == SMALL["001.jpg"]
    proxy.always(stall(0))
    with pytest.raises(OSError, match="nput/output") as failed:
        (mount.path / "images" / "002.jpg").read_bytes()
    assert failed.value.errno == errno.EIO
    proxy.always(None)
    lines = [json.loads(line) for line in mount.log().splitlines()]
    repeated = [
        line for line in lines if line["logger"] == "vfs.remotes" and "503" in line["message"]
    ]
    assert [line["attempt"] for line in repeated] == [1, 2]
    assert len({line["request"] for line in repeated}) == 1
    assert all(line["key"].startswith("files/md5/") for line in repeated)
    assert all(line["remote"].startswith("s3://") for line in repeated)
    ended = next(line for line in lines if "cannot be read" in line["message"])
    assert ended["path"] == "images/002.jpg"
    assert ended["error"] == "remote-unavailable"
    assert ended["request"] != repeated[0]["request"]
    same = [line["logger"] for line in lines if line.get("request") == ended["request"]]
    assert {"vfs.fs", "vfs.transfer", "vfs.remotes"} <= set(same), same
    assert all("request" not in line for line in lines if line["message"].startswith("mounted "))


def test_an_address_that_is_taken(repository: HandmadeRepository, mounts: MountFactory) -> None:
    first = mounts(repository.root, "v1", "--metrics-listen", "127.0.0.1:0")
    url = json.loads(first.cli("status", "--json", first.path).stdout)["metrics"]
    address = url.removeprefix("http://").removesuffix("/metrics")
    mounts.allow("in use")
    second = mounts.prepare(repository.root, name="second")
    second.path.mkdir()
    where = ("--repo", str(repository.root), "--rev", "v1", second.path)
    refused = second.cli("mount", "--metrics-listen", address, *where, check=False)
    assert refused.returncode == 19
    assert b"metrics cannot be given at " + address.encode() in refused.stderr
    assert b"hint: " in refused.stderr
    assert not is_mounted(second.path)
    config = Path(first.sandbox.environ["XDG_CONFIG_HOME"], "vfs", "config.yaml")
    config.parent.mkdir(parents=True)
    config.write_text(f"metrics:\n  listen: {address}\n")
    second.start("v1")
    told = json.loads(second.cli("status", "--json", second.path).stdout)
    assert told["metrics"] is None
    assert "metrics cannot be given" in told["warnings"][-1]["message"]


def test_a_unix_socket_named_relative_to_where_one_is(
    repository: HandmadeRepository, mounts: MountFactory, sandbox: Sandbox
) -> None:
    mount = mounts(repository.root, "v1", "--metrics-listen", "./metrics.sock")
    path = sandbox.root / "metrics.sock"
    assert path.is_socket()
    mount.umount()
    assert not path.exists()


class Terminal:
    """`vfs top` on a terminal of its own."""

    def __init__(self, mount: Mount, *arguments: str) -> None:
        self.pid, self._descriptor = pty.fork()
        if not self.pid:
            # not the environment of this process: readline has put its own size there
            environ = {**mount.sandbox.environ, "TERM": "xterm-256color"}
            argv = [sys.executable, "-m", "vfs_cli", "top", *arguments]
            os.execve(sys.executable, argv, environ)
        self.resize(30, 110)
        self.seen = ""
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, key: bytes) -> None:
        os.write(self._descriptor, key)

    def _read(self) -> None:
        try:
            while data := os.read(self._descriptor, 65536):
                self.seen += data.decode(errors="replace")
        except OSError:  # the other end is closed
            return

    def shows(self, pattern: str) -> bool:
        """Whether the last picture has it."""
        return re.search(pattern, self.picture()) is not None

    def picture(self) -> str:
        """The last picture, without its colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.seen[self.seen.rfind("\x1b[H") :])

    def end(self) -> int:
        deadline = time.monotonic() + 20
        while (ended := os.waitpid(self.pid, os.WNOHANG)) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"vfs top does not end; it showed {self.seen[-2000:]}")
            select.select([], [], [], 0.01)
        self._reader.join(20)
        os.close(self._descriptor)
        return os.waitstatus_to_exitcode(ended[1])


@pytest.mark.parametrize("key", [b"q", b"\x03"], ids=["q", "Ctrl-C"])
def test_the_screen(repository: HandmadeRepository, mounts: MountFactory, key: bytes) -> None:
    mount = mounts(repository.root, "v1")
    terminal = Terminal(mount, str(mount.path), "--interval", "0.2")
    try:
        wait_until(lambda: terminal.shows("reads were hits"), "the first figures")
        _read_all(mount)
        (mount.path / HOSTILE).read_bytes()
        shown = r"large\.bin.*\\x1b\[2Jdata\\x1b\]0;title\\x07\[red\]"
        wait_until(
            lambda: terminal.shows("(?s)" + shown), "the largest files, one with a hostile name"
        )
        wait_until(lambda: terminal.shows(r"store: \S+ \S+ in"), "what came from the remote")
        terminal.resize(24, 60)
        wait_until(lambda: terminal.shows(r"q: quit {53}\r?\n"), "a picture of the new size")
        assert {len(line) for line in terminal.picture().splitlines()[:-1]} == {60}
        assert "\x1b[2Jdata" not in terminal.seen
        terminal.press(key)
    finally:
        code = terminal.end()
    assert code == 0
    assert terminal.seen.rstrip().endswith(
        ("\x1b[?1049l\x1b[?25h", "\x1b[?25h\x1b[?1049l", "\x1b[?1049l")
    )


def test_several_mounts_are_chosen_by_their_number(
    repository: HandmadeRepository, mounts: MountFactory
) -> None:
    one, other = mounts(repository.root, "v1"), mounts(repository.root, "main")
    terminal = Terminal(one, "--interval", "0.2")
    try:
        wait_until(
            lambda: terminal.shows(f"{re.escape(one.path.name)} shows v1"), "the first mount"
        )
        terminal.press(b"2")
        wait_until(
            lambda: terminal.shows(f"{re.escape(other.path.name)} shows main"), "the second mount"
        )
        terminal.press(b"\t")
        wait_until(
            lambda: terminal.shows(f"{re.escape(one.path.name)} shows v1"), "the first again"
        )
        other.umount()
        wait_until(lambda: not terminal.shows("Tab: another mount"), "the one that is left")
        terminal.press(b"q")
    finally:
        code = terminal.end()
    assert code == 0


def test_lines_of_all_mounts(repository: HandmadeRepository, mounts: MountFactory) -> None:
    one, other = mounts(repository.root, "v1"), mounts(repository.root, "main")
    lines = one.cli("top", "--count", "2", "--interval", "0.2").stdout.decode().splitlines()
    assert len(lines) == 4
    assert sum(str(one.path) in line for line in lines) == sum(str(other.path) in line for line in lines) == 2  # fmt: skip
    several = one.cli("stats", check=False)
    assert several.returncode == 7


def test_without_a_mount(
    sandbox: Sandbox, mounts: MountFactory, handmade: HandmadeRepository
) -> None:
    mount = mounts.prepare(handmade.root)
    for verb in ("top", "stats"):
        done = mount.cli(verb, check=False)
        assert done.returncode == 7
        assert b"hint: mount it first" in done.stderr
