"""A private view as its caller has it: made, commands run in it, what they wrote, and gone.

    <scratch>/upper   what was written, in the overlay's form (`vfs.sandbox.changes`)
    <scratch>/work-*  the overlay's own, one for each run
    <scratch>/mask    where the mask is mounted
    <scratch>/shadow  where the lowest layer is mounted, if what is touched is wanted

Rules:

* `scratch` is on the file system that what is written should end on: then it is renamed there, not copied. It may lie in the tree if it lies in what is
  bound through. Directories of `below` may not, if the user is not root: the kernel lets no ordinary user see below a mount.
* A command is in the caller's process group and has its terminal; what is typed there reaches the caller too, which ignores it while it waits, or is interrupted
  and so ends the run.
* When `run` returns or raises, nothing of the run is left, neither process nor mount.
"""

import contextlib
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from vfs.errors import Unsupported, VfsError
from vfs.sandbox import changes, program, refusals
from vfs.sandbox.child import Child
from vfs.sandbox.order import Layout, Order, Watching
from vfs.sandbox.removal import remove
from vfs.sandbox.trace import Trace, recorded

Words = Sequence[str | bytes]


class Status(NamedTuple):
    """How commands ended.

    Attributes:
        code: exit status of the last one that ran; a signal's number below zero.
        last: which one that was.
        read: bytes that all that ran had read, by system calls; None if nobody counted.
    """

    code: int
    last: int
    read: int | None = None


class View:
    """One private view: commands run one after the other see what those before wrote. `send_signal` and `stop` may be called in any thread."""

    def __init__(
        self,
        tree: str | bytes,
        scratch: str | bytes,
        *,
        below: Iterable[str | bytes] = (),
        hide: Iterable[str | bytes] = (),
        through: Iterable[str | bytes] = (b".git", b".dvc"),
        without: Iterable[str | bytes] = (),
        unwatched: Iterable[str | bytes] | None = None,
    ) -> None:
        """Make the scratch directories.

        Args:
            tree: the working tree.
            scratch: a directory; made if it is not there.
            below: directories that are seen below the working tree, the uppermost first.
            hide: what they do not show: paths in the tree. A directory that the tree has hides all that they have there.
            through: paths of the tree that are not overlaid: what is written there is written.
            without: paths that are not seen, whichever layer has them; `changes` tells them as deleted, unless a command makes them.
            unwatched: what the commands touch is wanted (`trace`), but not in directories of these names.

        Raises:
            Unsupported: an overlay cannot write there.
            OSError: the scratch cannot be made.
        """
        self.tree = os.path.realpath(os.fsencode(tree))
        self.scratch = os.path.realpath(os.fsencode(scratch))
        self.upper = os.path.join(self.scratch, b"upper")
        self.below = [os.path.abspath(os.fsencode(path)) for path in below]
        self.hide = [_inside(path) for path in hide]
        self._through = [_inside(path) for path in through]
        self.trace: Trace | None = None  # of the last run
        self._unwatched = None if unwatched is None else sorted(map(os.fsencode, unwatched))
        self._child: Child | None = None
        self._stopped = False
        self._asked = 0
        self._since: int | None = None
        os.makedirs(self.upper, 0o777, exist_ok=True)
        os.makedirs(os.path.join(self.scratch, b"mask"), exist_ok=True)
        _like(self.tree, self.upper)
        if refusal := refusals.unsuitable(self.upper):
            self.close()
            raise refusal
        for path in without:
            self._cover(_inside(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(
        self,
        commands: Sequence[Words],
        cwd: str | bytes,
        environment: Mapping[str, str],
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        ignored: Iterable[int] | None = None,
    ) -> Status:
        """Run commands until one fails; processes that they leave behind are ended.

        Args:
            commands: argument vectors.
            cwd: where each of them starts, usually in the tree.
            environment: all of theirs.
            stdin: and the other two: a descriptor, or that of this process.
            stdout: see `stdin`.
            stderr: see `stdin`.
            ignored: of the signals that a terminal or another process sends, those that the commands ignore from the start; what this process ignores
                if it is not given. A caller that ignores SIGINT only while it waits gives what it ignored before.

        Raises:
            Unsupported: private views are not possible here; says why and what to do.
            VfsError: the process between was killed; what it ran has been ended.
        """
        if ignored is None:
            ignored = [n for n in program.HELD if signal.getsignal(n) == signal.SIG_IGN]
        order = Order(
            layout=self._layout(),
            watching=None,
            commands=[[os.fsencode(word) for word in words] for words in commands],
            cwd=os.path.abspath(os.fsencode(cwd)),
            environment={os.fsencode(k): os.fsencode(v) for k, v in environment.items()},
            ignored=[int(number) for number in ignored],
            blocked=[],
        )
        if self._unwatched is None:
            return self._run(order, stdin, stdout, stderr)
        self.trace = None
        point = os.path.join(self.scratch, b"shadow")
        os.makedirs(point, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.scratch) as result:
            order["watching"] = Watching(
                result=result.fileno(), shadow=point, ignored=self._unwatched
            )
            status = self._run(order, stdin, stdout, stderr)
            result.seek(0)
            self.trace = recorded(result)
        return status

    def _run(
        self, order: Order, stdin: int | None, stdout: int | None, stderr: int | None
    ) -> Status:
        child = self._child = Child(order, stdin, stdout, stderr)
        try:
            if self._asked:
                child.send_signal(self._asked)
            if self._stopped:
                child.stop()
            for report in child.reports():
                if report[0] == "failed":
                    raise refusals.refused(report[1], report[2], report[3], self.tree, self.scratch)
                if report[0] == "ended":
                    return Status(report[2], report[1], report[3] if report[3] >= 0 else None)
        finally:
            self._child = None
            child.end()
        if self._stopped:
            return Status(-signal.SIGTERM, 0)
        raise VfsError(
            f"the process that ran a command in a private view was ended (status {child.status})",
            hint="the kernel does that where memory is short; its log says so (dmesg)",
        )

    def send_signal(self, number: int) -> None:
        """Pass SIGTERM or SIGHUP on to the command that runs; no other begins, now or later. SIGKILL ends all that runs: `run` then raises VfsError."""
        self._asked = number
        child = self._child
        if child is not None:
            child.send_signal(number)

    def stop(self) -> None:
        """End what runs, now and later; `run` then returns how it ended."""
        self._stopped = True
        child = self._child
        if child is not None:
            child.stop()

    @property
    def since(self) -> int:
        """When the first run began (`st_ctime_ns`); 0 before that."""
        return self._since or 0

    def changes(self) -> Iterator[changes.Change]:
        """What the commands wrote (`vfs.sandbox.changes`); the directories below must still be there. Raises OSError."""
        return changes.changes(self.upper, self.tree, self.below, self.hide, since=self._since)

    def close(self, *, keep: bool = False) -> None:
        """Remove the scratch; with `keep`, all but what the overlay made for itself. Raises OSError."""
        if not keep:
            remove(self.scratch)
            return
        for name in os.listdir(self.scratch):
            if name in (b"mask", b"shadow") or name.startswith(b"work-"):
                remove(os.path.join(self.scratch, name))

    def _cover(self, path: bytes) -> None:
        """A whiteout, which anybody may make since Linux 5.8, in directories as the layers below have them."""
        layers = (self.tree, *self.below)
        if not any(_has(layer, path) for layer in layers):
            return
        above = b""
        for name in path.split(b"/")[:-1]:
            above = os.path.join(above, name)
            made = os.path.join(self.upper, above)
            if not os.path.isdir(made):
                os.mkdir(made)
                _like(
                    next(d for layer in layers if os.path.isdir(d := os.path.join(layer, above))),
                    made,
                )
        try:
            os.mknod(os.path.join(self.upper, path), stat.S_IFCHR | 0o600, os.makedev(0, 0))
        except PermissionError as error:
            raise refusals.no_whiteout() from error

    def _layout(self) -> Layout:
        work = tempfile.mkdtemp(prefix=b"work-", dir=self.scratch)
        if self._since is None:
            self._since = os.stat(work).st_ctime_ns
        return Layout(
            tree=self.tree,
            upper=self.upper,
            work=work,
            mask=os.path.join(self.scratch, b"mask"),
            below=self.below,
            hide=self.hide,
            through=self._through,
        )


def supported(scratch: str | bytes) -> Unsupported | None:
    """Try a private view with its scratch below a directory; why there can be none, or None. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix=b"vfs-view-", dir=os.fsencode(scratch)) as place:
        tree = os.path.join(place, b"tree")
        os.mkdir(tree)
        try:
            with View(tree, os.path.join(place, b"scratch")) as view:
                view.run([["/bin/sh", "-c", ":"]], tree, {})
        except Unsupported as error:
            return error
    return None


def _like(tree: bytes, upper: bytes) -> None:
    """A directory with the owner, permissions and attributes of another: it is what the command sees as the tree's own."""
    found, made = os.stat(tree), os.stat(upper)
    if (found.st_uid, found.st_gid) != (made.st_uid, made.st_gid):
        with contextlib.suppress(PermissionError):  # as it may not for anything it makes there
            os.chown(upper, found.st_uid, found.st_gid)
    shutil.copystat(tree, upper)


def _has(layer: bytes, path: bytes) -> bool:
    """Whether a layer has something there; also what a mount lists and cannot serve (EIO)."""
    try:
        os.lstat(os.path.join(layer, path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _inside(path: str | bytes) -> bytes:
    """A path of the tree, as it is used. Raises ValueError: it leads out of it."""
    path = os.path.normpath(os.fsencode(path))
    if path in (b".", b"..") or path.startswith((b"/", b"../")):
        raise ValueError(f"{os.fsdecode(path)} is not in the tree")
    return path
