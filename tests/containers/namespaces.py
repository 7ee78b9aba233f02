"""Namespaces as container engines make them, and what runs in them. All end with the test.

A `Namespace` has mounts of its own; a `Pod` has users, processes and mounts of its own and runs as an ordinary user without a capability: what an
unprivileged container is to the kernel.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from vfs.testing.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
USER = 65534
VFS = (sys.executable, "-m", "vfs_cli")

_HOLD = """
awk '/ - fuse/ { print $5 }' /proc/self/mountinfo | while read -r point; do umount --lazy "$(printf %b "$point")"; done
echo
exec cat
"""
"""What other tests have mounted must not live on in a copy of it."""

_END = "the end of what a command said"
_AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs")
_SHELL = ("bash", "--noprofile", "--norc")  # dash closes no descriptor above 9
_ALONE = (
    "unshare",
    "--user",
    "--map-current-user",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)

Words = Sequence[str | Path]


def opened(device: Path) -> Words:
    """What runs a command where every user can reach Python and this checkout, and /dev/fuse is `device`."""
    needed = sorted({str(ROOT), sys.prefix, sys.base_prefix})
    return (sys.executable, Path(__file__).with_name("opened.py"), device, *needed, "--")


class _Held:
    """A process that is there until it is told to end."""

    process: "subprocess.Popen[str]"

    def close(self) -> None:
        """End it, and with it the namespaces that nobody else is in."""
        self.process.kill()
        self.process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Namespace(_Held):
    """A mount namespace."""

    def __init__(self, propagation: str, *, inside: "Namespace | None" = None) -> None:
        """A copy of ours, or of `inside`; `propagation`: of all mounts in it, as unshare(1) has it."""
        before = inside.enter if inside else ()
        self.process = subprocess.Popen(
            [*before, "unshare", "--mount", "--propagation", propagation, "sh", "-c", _HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "\n"

    @property
    def enter(self) -> tuple[str, ...]:
        """What runs a command in it."""
        return ("nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "--")

    def run(self, *words: str | Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command in it."""
        done = subprocess.run(
            [*self.enter, *words], capture_output=True, text=True, check=False, timeout=60
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def read(self, path: Path) -> bytes:
        """The bytes of a file as they are seen in it."""
        return subprocess.run(
            [*self.enter, "cat", path], capture_output=True, check=True, timeout=60
        ).stdout

    def mounts(self) -> str:
        """The kernel's table of its mounts."""
        return Path(f"/proc/{self.process.pid}/mountinfo").read_text()


class Pod(_Held):
    """An unprivileged container: a shell of an ordinary user in namespaces of its own, whose first process it is."""

    def __init__(
        self,
        sandbox: Sandbox,
        inside: Namespace,
        pass_fds: Sequence[int] = (),
        propagation: str = "private",
    ) -> None:
        """In namespaces made inside of `inside`, whose mounts it sees; `propagation`: private, or slave to see what happens there later."""
        no_device = sandbox.root / "no-device"
        no_device.touch(mode=0)
        self.process = subprocess.Popen(
            [
                *inside.enter,
                *opened(no_device),
                *_AS_USER,
                *_ALONE,
                "--propagation",
                propagation,
                *_SHELL,
            ],
            env={**sandbox.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            text=True,
        )
        self.sh("true")

    def sh(self, line: str) -> str:
        """What a line of shell prints; it must end with 0."""
        code, said = self.ends(line)
        assert code == 0, said
        return said

    def ends(self, line: str) -> tuple[int, str]:
        """How a line of shell ends, and what it prints."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(
            f"{{ {line}; }} 2>&1 </dev/null; code=$?; echo; echo {_END}: $code\n"
        )
        self.process.stdin.flush()
        said: list[str] = []
        for text in self.process.stdout:
            if text.startswith(_END):
                return int(text.rpartition(" ")[2]), "".join(said).removesuffix("\n")
            said.append(text)
        raise AssertionError(f"the container ended: {''.join(said)}")

    def vfs(self, words: str) -> str:
        """Run the command, words as in a shell; what it prints."""
        return self.sh(f"{' '.join(VFS)} {words}")


def give(sandbox: Sandbox) -> None:
    """All files of a sandbox belong to the ordinary user now."""
    for path in (sandbox.root, *sandbox.root.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
