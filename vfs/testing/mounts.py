"""Real mounts for tests: started by the installed command, always taken down again.

Rule: a test that fails, hangs or kills the daemon still leaves nothing mounted and no process
behind; a daemon that logs a warning nobody announced fails its test.
"""

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import psutil

from vfs.testing.processes import wait_ended
from vfs.testing.program_server import VFS
from vfs.testing.sandbox import Sandbox

_SUSPICIOUS = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b|^Traceback ")
TRANSPORTS: Final = ("direct", "pyfuse3")
_PATIENCE = 20.0  # seconds until a condition that must come true counts as failed


def wait_until(condition: Callable[[], object], what: str, *, timeout: float = _PATIENCE) -> None:
    """Poll until `condition` is true; fail the test naming `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain for: {what}")
        time.sleep(0.01)


def is_mounted(path: Path) -> bool:
    """Whether something is mounted exactly there; never touches the file system itself."""
    wanted = re.sub(r"[ \t\n\\]", lambda found: f"\\{ord(found[0]):03o}", str(path))
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        return any(line.split(" ")[4] == wanted for line in table)


class Mount:
    """One mount point and the daemon behind it."""

    def __init__(
        self, sandbox: Sandbox, repository: Path | str, point: Path, transport: str | None = None
    ) -> None:
        self.sandbox = sandbox
        self.transport = transport
        self.repository = repository
        self.path = point
        self.raw = bytes(point)

    def cli(
        self, *arguments: str | Path, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `vfs ARGUMENTS` in the sandbox of this mount."""
        return vfs(self.sandbox, *arguments, check=check, timeout=timeout)

    def start(self, rev: str | None = None, *options: str) -> None:
        """Mount and return when the mount answers."""
        with contextlib.suppress(FileExistsError):  # also raised for a dead mount there
            self.path.mkdir()
        chosen = ["--rev", rev] if rev is not None else []
        if self.transport is not None:
            chosen += ["--transport", self.transport]
        self.cli("mount", "--repo", str(self.repository), *chosen, *options, self.path)
        wait_until(lambda: is_mounted(self.path), f"a mount at {self.path}")

    def switch(self, rev: str, *, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Show another revision."""
        return self.cli("switch", rev, "--mount", self.path, check=check)

    def umount(self, *, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Unmount by the command."""
        return self.cli("umount", self.path, check=check)

    def daemon(self) -> psutil.Process:
        """The process that serves this mount, by the record it keeps beside its control socket."""
        records = Path(self.sandbox.environ["XDG_RUNTIME_DIR"]).glob("vfs/*.json")
        documents = []
        for record in records:
            with contextlib.suppress(FileNotFoundError):  # another mount's, whose daemon has ended
                documents.append(json.loads(record.read_bytes()))
        found = [doc["pid"] for doc in documents if doc["mountpoint"] == str(self.path)]
        assert len(found) == 1, f"{len(found)} daemons for {self.path}: {documents}"
        return psutil.Process(found[0])

    def log(self) -> str:
        """Everything the daemons of this sandbox logged."""
        return read_logs(self.sandbox)


def vfs(
    sandbox: Sandbox, *arguments: str | Path, check: bool = True, timeout: float = 120
) -> subprocess.CompletedProcess[bytes]:
    """Run the command as installed in the Python that runs the tests."""
    argv: Sequence[str | Path] = [*VFS, *arguments]
    return sandbox.run(argv, check=check, timeout=timeout)


def daemons(sandbox: Sandbox) -> list[psutil.Process]:
    """Processes that were started inside a sandbox and run vfs."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("XDG_RUNTIME_DIR") != sandbox.environ["XDG_RUNTIME_DIR"]:
                continue
            if process.status() != psutil.STATUS_ZOMBIE and _is_ours(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _is_ours(argv: list[str]) -> bool:
    return any(
        word in ("vfs_cli", "vfs.daemon") or word.startswith(("vfs.daemon", "vfs_cli"))
        for word in argv
    ) or any(Path(word).name == "vfs" for word in argv[:2])


def read_logs(sandbox: Sandbox) -> str:
    """All log files of a sandbox, one after the other."""
    directory = Path(sandbox.environ["XDG_STATE_HOME"])
    return "".join(path.read_text(errors="replace") for path in sorted(directory.rglob("*.log*")))


class MountFactory:
    """Makes mounts for one test and takes all of them down at its end; all through one transport, None for the default."""

    def __init__(self, sandbox: Sandbox, transport: str | None = None) -> None:
        self.sandbox = sandbox
        self.transport = transport
        self._mounts: list[Mount] = []
        self._allowed: list[re.Pattern[str]] = []

    def __call__(
        self, repository: Path | str, rev: str | None = None, *options: str, name: str = ""
    ) -> Mount:
        """Mount a repository at a fresh directory and wait until it answers."""
        mount = self.prepare(repository, name=name)
        mount.start(rev, *options)
        return mount

    def prepare(self, repository: Path | str, *, name: str = "") -> Mount:
        """A mount that was not started yet."""
        point = self.sandbox.root / (name or f"m{len(self._mounts)}")
        mount = Mount(self.sandbox, repository, point, self.transport)
        self._mounts.append(mount)
        return mount

    def allow(self, *patterns: str) -> None:
        """Announce log lines (regular expressions) that this test provokes."""
        self._allowed += [re.compile(pattern) for pattern in patterns]

    def unexpected(self) -> list[str]:
        """Suspicious log lines that nobody announced."""
        return [
            line
            for line in read_logs(self.sandbox).splitlines()
            if _SUSPICIOUS.search(line) and not any(p.search(line) for p in self._allowed)
        ]

    def close(self) -> list[str]:
        """Unmount everything, end what is left; returns what was wrong on the way."""
        wrong: list[str] = []
        for mount in reversed(self._mounts):
            if is_mounted(mount.path):
                wrong += _take_down(mount)
        left = daemons(self.sandbox)
        alive = wait_ended(left, _PATIENCE)
        for process in alive:
            wrong.append(f"the daemon {process.pid} outlived its mount")
            process.kill()
        wait_ended(alive, 5)
        wrong += [f"unexpected in the log: {line}" for line in self.unexpected()]
        return wrong


def _take_down(mount: Mount) -> list[str]:
    try:
        done = mount.umount(check=False)
    except subprocess.TimeoutExpired:
        done = None
    if is_mounted(mount.path):
        subprocess.run(["fusermount3", "-u", "-z", str(mount.path)], check=False, timeout=30)
        detail = "it hung" if done is None else (done.stdout + done.stderr).decode()
        return [f"vfs umount left {mount.path} mounted: {detail}"]
    return []
