"""A private runtime directory, daemons that answer what a test says, and `vfs` as a process or in this one."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import trio

from vfs.control import mountinfo
from vfs.control.registry import MountRecord, mount_id, register
from vfs.control.server import Handler, serve
from vfs.offline import go_online
from vfs_cli.group import VerbCommand
from vfs_cli.main import cli, run
from vfs_cli.table import VERBS

Data = dict[str, Any]


class Done(NamedTuple):
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[Data]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Data:
        return dict(json.loads(self.err.splitlines()[-1]))

    @property
    def warnings(self) -> list[str]:
        found = [json.loads(line) for line in self.err.splitlines()]
        return [line["message"] for line in found if line["type"] == "warning"]


class Daemons:
    """Real control servers, each in a thread."""

    def __init__(self, runtime: Path, stack: ExitStack) -> None:
        self._runtime = runtime
        self._stack = stack
        self.scopes: list[trio.CancelScope] = []

    def start(self, mountpoint: Path, repo: Path, **handlers: Handler) -> MountRecord:
        name = mount_id(mountpoint)
        record = MountRecord(
            name,
            mountpoint,
            str(repo),
            "HEAD",
            os.getpid(),
            1e9,
            None,
            self._runtime / f"{name}.sock",
        )
        ready = threading.Event()
        scope = trio.CancelScope()
        self.scopes.append(scope)
        token: list[trio.lowlevel.TrioToken] = []

        async def main() -> None:
            token.append(trio.lowlevel.current_trio_token())
            with scope:
                async with trio.open_nursery() as nursery:
                    await nursery.start(serve, record.socket, handlers)
                    ready.set()

        thread = threading.Thread(target=trio.run, args=(main,))
        thread.start()
        assert ready.wait(30)
        register(record)

        def stop() -> None:
            if thread.is_alive():
                token[0].run_sync_soon(scope.cancel)
                thread.join(30)

        self._stack.callback(stop)
        return record


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("XDG_", "VFS_", "DVC_", "GIT_")):
            monkeypatch.delenv(name)
    for name in ("run", "config", "cache", "state", "home"):
        (tmp_path / name).mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.chdir(tmp_path / "home")
    # The mount table is the machine's: real mounts of the person who runs the tests are none of our business.
    monkeypatch.setattr(mountinfo, "vfs_mounts", list)
    return tmp_path


@pytest.fixture
def daemons(world: Path) -> Iterator[Daemons]:
    runtime = world / "run" / "vfs"
    runtime.mkdir(mode=0o700)
    with ExitStack() as stack:
        yield Daemons(runtime, stack)


@pytest.fixture
def vfs(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Done]:
    """Run a command line in this process."""

    def call(*args: str | Path) -> Done:
        words = [str(arg) for arg in args]
        try:
            code = run(words)
        finally:
            go_online()  # as with the end of a process
        assert_declared(words, code)
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = capfdbinary.readouterr()
        return Done(code, out.decode("utf-8", "surrogateescape"), err.decode())

    return call


def assert_declared(words: list[str], code: int) -> None:
    """A verb ends with no code that its `--help` does not list."""
    verb = next((word for word in words if word in VERBS), None)
    command = verb and cli.get_command(click.Context(cli), verb)
    if isinstance(command, VerbCommand):
        assert code in command.exit_codes, f"vfs {verb} --help does not list exit code {code}"


def process(
    *args: str | Path, interpreter: tuple[str, ...] = (), **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run `vfs` as a process of its own."""
    script = f"import sys; sys.path[:0] = {sys.path!r}; from vfs_cli.main import main; main()"
    command = [sys.executable, *interpreter, "-c", script, *map(str, args)]
    return subprocess.run(command, capture_output=True, check=False, timeout=60, **options)


def git(repo: Path, *arguments: str | bytes) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", repo, *identity, *arguments], check=True, capture_output=True
    )
    return done.stdout.decode().strip()


@pytest.fixture
def repo(world: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits: `a.txt` changes, `d/c` and a name that is not UTF-8 are added; `run` is executable."""
    path = world / "repo"
    (path / "d").mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")
    (path / "a.txt").write_text("one\n")
    (path / "d" / "b").write_text("x\n")
    (path / "run").write_text("#!/bin/sh\n")
    (path / "run").chmod(0o755)
    (path / "link").symlink_to("/etc/passwd")
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "first")
    git(path, "tag", "v1")
    (path / "a.txt").write_text("one\ntwo\n")
    (path / "d" / "c").write_text("new\n")
    Path(str(path) + "/d/\udcff").write_text("odd\n")
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "second")
    monkeypatch.chdir(path)
    return path


@pytest.fixture
def tracked(repo: Path, world: Path) -> bytes:
    """A tracked file of 9 MB and its bytes, which only a remote (a directory) has."""
    import hashlib

    data = bytes(range(256)) * 36_000
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    place = world / "remote" / "files" / "md5" / md5[:2] / md5[2:]
    place.parent.mkdir(parents=True)
    place.write_bytes(data)
    (repo / ".dvc").mkdir()
    (repo / ".dvc" / "config").write_text(
        f"[core]\n    remote = r\n['remote \"r\"']\n    url = {world / 'remote'}\n"
    )
    (repo / "big.bin.dvc").write_text(
        f"outs:\n- md5: {md5}\n  size: {len(data)}\n  hash: md5\n  path: big.bin\n"
    )
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "data")
    return data
