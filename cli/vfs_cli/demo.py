"""`vfs demo`: see a lazy mount and a switch of versions in ten seconds.

It makes a repository with two versions of a dataset and a remote in a temporary directory,
mounts it from an empty cache with the same commands a user types, and says what was fetched and
how long each step took. Every byte it reads is compared with the remote; a difference is an
error. Nothing stays behind, also after Ctrl-C, unless `--keep` is given.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from vfs.config import environment
from vfs.control.client import call, find_mount
from vfs.control.protocol import Failure, error_of
from vfs.control.unmount import unmount
from vfs.errors import DaemonError, MountPointRefused, VfsError
from vfs_cli.demo_data import IMAGES_DIRECTORY, WEIGHTS, WEIGHTS_SIZE, DemoRepository, Version
from vfs_cli.exits import MOUNT, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.interruption import Interruption
from vfs_cli.options import json_option
from vfs_cli.output import Output

_SLICE = 1 << 20
_OFFSET = 200 << 20


class _Step:
    """One row of the report: what was done, how long it took, what was seen, and bytes fetched from the remote."""

    def __init__(self, what: str, seconds: float, result: str, fetched: int) -> None:
        self.what = what
        self.seconds = seconds
        self.result = result
        self.fetched = fetched


class Demo:
    """One run: builds, mounts, reads, switches, reports."""

    def __init__(
        self, base: Path, console: Console, output: Output, interruption: Interruption
    ) -> None:
        self._console = console
        self._output = output
        self._held = interruption.held
        self._repository = DemoRepository(base, self._held)
        self._mount = base / "mnt"
        self._cache = base / "cache"
        self._environ = {**environment(), "VFS_CACHE_DIR": str(self._cache)}
        self._steps: list[_Step] = []
        self._fetched = 0

    def run(self) -> None:
        """The whole demonstration; raises VfsError when anything is not as it should be."""
        first, second = self._build()
        self._mount.mkdir()
        self._console.print(f"[bold]$ vfs mount --rev v1 {self._mount}[/bold]", highlight=False)
        self._step("mount v1 from an empty cache", self._mount_first)
        self._look(first)
        self._console.print("[bold]$ vfs switch v2[/bold]", highlight=False)
        self._step("switch to v2", lambda: self._vfs("switch", "v2", "--mount", self._mount))
        self._look(second)
        self._report(first, second)

    def close(self) -> None:
        """Unmount, whatever state the mount is in."""
        if os.path.ismount(self._mount):
            self._vfs("umount", self._mount, check=False)
        if os.path.ismount(self._mount):
            with contextlib.suppress(VfsError):
                unmount(self._mount, lazy=True)

    def _build(self) -> tuple[Version, Version]:
        columns = (TextColumn("making two versions of a dataset"), BarColumn(), DownloadColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task("", total=WEIGHTS_SIZE + (24 << 20))
            return self._repository.build(lambda count: progress.advance(task, count))

    def _mount_first(self) -> str:
        return self._vfs("mount", "--repo", self._repository.root, "--rev", "v1", self._mount)

    def _look(self, version: Version) -> None:
        tag = version.tag
        names = sorted(version.images)
        self._step(f"list {tag} with sizes", self._list)
        self._step(f"read 1 MiB inside {WEIGHTS}", self._read_slice)
        self._step("read 20 images", lambda: self._read_images(version, names[:200:10]))
        self._step("read them again", lambda: self._read_images(version, names[:200:10]))

    def _list(self) -> str:
        count = size = 0
        for directory, _, files in os.walk(self._mount):
            for name in files:
                size += os.lstat(os.path.join(directory, name)).st_size
                count += 1
        return f"{count} files, {decimal(size)}"

    def _read_slice(self) -> str:
        weights = self._repository.root / f"{WEIGHTS}.dvc"
        md5 = weights.read_text(encoding="utf-8").split()[3]
        wanted = _read(self._repository.object(md5))
        self._compare(WEIGHTS, _read(self._mount / WEIGHTS), wanted)
        return decimal(len(wanted))

    def _read_images(self, version: Version, names: list[str]) -> str:
        size = 0
        for name in names:
            found = (self._mount / IMAGES_DIRECTORY / name).read_bytes()
            wanted = self._repository.object(version.images[name]).read_bytes()
            self._compare(name, found, wanted)
            size += len(found)
        return decimal(size)

    def _compare(self, name: str, found: bytes, wanted: bytes) -> None:
        if found != wanted:
            raise DaemonError(
                f"the mount gave other bytes for {name} than the remote has",
                hint="this is a bug in vfs; please report it",
            )

    def _step(self, what: str, action: Callable[[], str]) -> None:
        started = time.perf_counter()
        result = action()
        seconds = time.perf_counter() - started
        before, self._fetched = self._fetched, self._received()
        step = _Step(what, seconds, result, self._fetched - before)
        self._steps.append(step)
        if self._output.json:
            self._output.document("step", vars(step))

    def _received(self) -> int:
        """Bytes the daemon has fetched from the remote so far."""
        said = call(find_mount(str(self._mount), Path.cwd()), "statistics")
        transfer = said["transfer"]
        assert isinstance(transfer, dict)
        return int(transfer["bytes_received"])

    def _vfs(self, *arguments: str | Path, check: bool = True) -> str:
        with self._held():
            done = subprocess.run(
                [sys.executable, "-m", "vfs_cli", *arguments, "--json"],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        if check and done.returncode != 0:
            raise _failure(done.stderr)
        return ""

    def _report(self, first: Version, second: Version) -> None:
        table = Table(box=None, pad_edge=False)
        table.add_column("step")
        table.add_column("time", justify="right")
        table.add_column("seen", justify="right")
        table.add_column("fetched", justify="right")
        for step in self._steps:
            fetched = decimal(step.fetched) if step.fetched else "-"
            table.add_row(step.what, _duration(step.seconds), step.result, fetched)
        self._console.print(table)
        whole = first.size + second.size - WEIGHTS_SIZE
        if self._output.json:
            self._output.document("demo", {"fetched": self._fetched, "size": whole})
        self._console.print(
            f"\nTwo versions of {decimal(first.size)} each were used; "
            f"[bold]{decimal(self._fetched)}[/bold] of {decimal(whole)} was fetched. "
            "Every byte read was compared with the remote.",
            highlight=False,
        )


def _read(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), _SLICE, _OFFSET)


def _failure(said: str) -> VfsError:
    """The error of a command that was run with `--json`, from what it said on standard error."""
    try:
        document = json.loads(said)
        fields = ("code", "message", "hint", "exit_code")
        return error_of(Failure(*(document[field] for field in fields)))
    except (ValueError, KeyError, TypeError):
        return DaemonError(said.strip(), hint="`vfs doctor` says what this machine lacks")


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


@click.command(
    "demo",
    cls=VerbCommand,
    examples=(
        ("vfs demo", "ten seconds, nothing stays behind"),
        ("vfs demo --keep", "leaves the repository and the mount to look around in"),
    ),
    exits=(*MOUNT, *SNAPSHOT, MountPointRefused),
)
@click.option("--keep", is_flag=True, help="Leave the repository, the remote and the mount.")
@json_option
def command(keep: bool, as_json: bool) -> None:
    """Show a lazy mount and a switch between two data versions.

    Makes a repository with a dataset of about 270 MB and a remote in a temporary directory,
    mounts it from an empty cache, reads parts, switches the version, and reports what was
    fetched and how long it took.
    """
    console = Console(highlight=False, quiet=as_json)
    base = Path(tempfile.gettempdir()).resolve() / f"vfs-demo-{secrets.token_hex(8)}"
    output = Output(as_json)
    done = False
    with Interruption() as interruption:
        run = Demo(base, console, output, interruption)
        try:
            with interruption.allowed():
                base.mkdir(mode=0o700)
                run.run()
                done = True
        except subprocess.CalledProcessError as error:
            raise VfsError(f"git failed: {error}", hint="is git installed?") from error
        finally:
            if keep and done:
                console.print(f"\nKept in {base}; unmount with: vfs umount {base / 'mnt'}")
                if output.json:
                    output.document("kept", {"directory": str(base), "mountpoint": f"{base}/mnt"})
            else:
                run.close()
                shutil.rmtree(base, ignore_errors=True)
