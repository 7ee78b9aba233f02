"""A node with a shared directory, a helper that mounts below it, and a repository that an ordinary user may read."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.containers.namespaces import USER, VFS, Namespace, Pod, give
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import daemons, read_logs, wait_until
from vfs.testing.sandbox import Sandbox

_SUSPICIOUS = re.compile(r" WARNING (?!vfs.daemon: cannot mount on .*/dev/fuse: Perm)|Traceback")

ONE = bytes(range(256)) * 3_000
TWO = ONE[::-1]


@pytest.fixture
def node(sandbox: Sandbox) -> Iterator[Namespace]:
    """Where a helper runs: `shared` of the sandbox is a shared mount there, and nothing leaves it."""
    shared = sandbox.root / "shared"
    shared.mkdir()
    with Namespace("private") as made:
        made.run("mount", "--bind", shared, shared)
        made.run("mount", "--make-shared", shared)
        yield made


@pytest.fixture
def repository(handmade: HandmadeRepository) -> HandmadeRepository:
    """Two versions of a file in a DVC remote."""
    handmade.commit(plain={"git.txt": b"one"}, files={"big.bin": ONE}, tag="v1")
    handmade.commit(plain={"git.txt": b"two"}, files={"big.bin": TWO}, tag="v2")
    return handmade


class Helper:
    """A `vfs fuse-helper` that runs."""

    def __init__(self, node: Namespace, sandbox: Sandbox, *options: str) -> None:
        self.socket = sandbox.root / "helper.sock"
        self.directory = sandbox.root / "shared"
        self._log = sandbox.root / "helper.log"
        self._log.write_bytes(b"")
        words: list[str | Path] = [
            *VFS,
            "fuse-helper",
            "--socket",
            self.socket,
            "--directory",
            self.directory,
        ]
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                [*node.enter, *words, "--uid", str(USER), *options],
                env=sandbox.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.expect("listening at")

    def expect(self, text: str) -> None:
        """Wait until it has said something."""
        wait_until(lambda: text in self._log.read_text(), f"{text!r} from the helper")

    def close(self) -> None:
        """Tell it to end, as `docker stop` does, unless it was killed."""
        self.process.terminate()
        assert self.process.wait(20) in (0, -signal.SIGKILL)


MakeHelper = Callable[..., Helper]
MakePod = Callable[..., Pod]


@pytest.fixture
def helper(node: Namespace, sandbox: Sandbox) -> Iterator[MakeHelper]:
    """Starts helpers on the node: `helper("--allow-other")`."""
    with ExitStack() as stack:

        def make(*options: str) -> Helper:
            made = Helper(node, sandbox, *options)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def pod(node: Namespace, sandbox: Sandbox, repository: HandmadeRepository) -> Iterator[MakePod]:
    """Starts unprivileged containers on the node; in the end no process of theirs is left, and nothing suspicious in a log."""
    give(sandbox)
    with ExitStack() as stack:

        def make(*pass_fds: int, propagation: str = "private") -> Pod:
            return stack.enter_context(Pod(sandbox, node, pass_fds, propagation))

        yield make
    wait_until(lambda: not _served(sandbox), "the daemons to end with their containers")
    assert [line for line in read_logs(sandbox).splitlines() if _SUSPICIOUS.search(line)] == []


def _served(sandbox: Sandbox) -> bool:
    return any(_serves(process) for process in daemons(sandbox))


def _serves(process: psutil.Process) -> bool:
    try:
        return "fuse-helper" not in process.cmdline()
    except psutil.Error:  # it ended meanwhile
        return False


@pytest.fixture
def point(sandbox: Sandbox) -> Path:
    """Where the mount of a test is."""
    return sandbox.root / "shared" / "data"
