"""The process between a caller and its commands: makes the view, runs them in it, and ends whatever they left.

It is given a socket: the order comes on it (`Order`), reports go back (`Report`), and the caller's end of it is the caller's life.

Rules:

* SIGINT and SIGQUIT are the terminal's, which tells the command as well: they are ignored here. SIGTERM and SIGHUP are passed on to the command.
* A command ends with this process (parent-death signal); orphans become its children, so that none is out of sight.
* When the last command has ended, or the caller is gone, or wants no more: what still runs gets SIGTERM, and SIGKILL after `GRACE`. Processes in the background would
  hold the view, and write to what is being read as the result.
* Nothing is run before the caller has answered that the view is ready: it holds the namespace then, to find what is in it if this program is killed.
* The report of how it ended is the last thing: by then nothing of it runs, and the view's mounts are gone.
"""

from __future__ import annotations

import errno
import marshal
import os
import select
import time

from vfs.sandbox import kernel, mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    from vfs.sandbox.order import Order, Report, Watching
    from vfs.sandbox.watch import Watch
else:  # what it wraps into enumerations, without what these import: a quarter of the time to the command
    import _signal as signal

PAUSE = 0.002
"""Seconds between two readings of what the commands touched."""

GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL."""

HELD = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
"""What a caller blocks while it starts this program, so that none comes before it can be dealt with."""

_OURS = (*HELD, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)


def send(channel: int, value: object) -> None:
    """One value, as bytes with their length before them. Raises OSError."""
    data = marshal.dumps(value)  # type: ignore[arg-type] # of plain values
    data = len(data).to_bytes(8, "big") + data
    while data:
        data = data[os.write(channel, data) :]


def receive(channel: int) -> object:
    """One value; None if the other end is gone. Raises OSError."""
    head = _exactly(channel, 8)
    data = head and _exactly(channel, int.from_bytes(head, "big"))
    return marshal.loads(data) if data else None


def _exactly(channel: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        try:
            piece = os.read(channel, size - len(data))
        except ConnectionResetError:  # it ended without reading what we sent
            return b""
        if not piece:
            return b""
        data += piece
    return data


def main(channel: int) -> None:
    """Serve the order that comes on a socket."""
    os.set_inheritable(channel, False)
    order: Order | None = receive(channel)  # type: ignore[assignment] # whoever started us sends nothing else
    if order is None:
        return
    os.chdir("/")
    runner = _Runner(channel, order)
    runner.watch = _watch(order["watching"])  # before it may import no more
    try:
        mounts.enter()
        mounts.build(order["layout"], runner.watch)
    except mounts.StepError as failed:
        error = failed.error
        runner.report(("failed", failed.step, error.errno or 0, os.fsencode(error.filename or "")))
        return
    runner.report(("ready",))
    if receive(channel):
        runner.serve()


def _watch(wanted: Watching | None) -> Watch | None:
    if wanted is None:
        return None
    from vfs.sandbox.watch import Watch

    os.set_inheritable(wanted["result"], False)
    return Watch(wanted)


class _Runner:
    """The commands of one order."""

    def __init__(self, channel: int, order: Order) -> None:
        kernel.adopt_orphans()
        self.watch: Watch | None = None
        self._channel = channel
        self._order = order
        self._running = 0  # the process id of the command
        self._asked = 0  # the last signal that was to be passed on
        self._alone = False  # no process descends from here
        self._over = False  # the caller is gone, or wants no more
        self._read: int | None = None  # bytes that all that ran had read
        self._before = _read_below()
        waking, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakes, self._urgent = select.poll(), select.poll()  # the second without the watch
        for poll in (self._wakes, self._urgent):
            poll.register(waking, select.POLLIN)
            poll.register(channel, select.POLLIN)
        self._waking = waking

    def report(self, value: Report) -> None:
        """Tell the caller, if it is still there."""
        with _Passing(OSError):
            send(self._channel, value)

    def serve(self) -> None:
        """Run the commands, and report how the last one ended."""
        self._listen()
        if self.watch:
            self.watch.begin()
            if self.watch.queue >= 0:
                self._wakes.register(self.watch.queue, select.POLLIN)
        ended = [0]
        for argv in self._order["commands"]:
            ended.append(self._run(argv))
            if ended[-1]:
                break
        self._end_all()
        if self.watch:
            with _Passing(OSError):  # the caller sees that the end is missing
                self.watch.write()
        with _Passing(OSError):
            mounts.take_down(self._order["layout"])
            if self.watch:
                self.watch.take_down()
        self.report(("ended", len(ended) - 2, ended[-1], -1 if self._read is None else self._read))

    def _listen(self) -> None:
        """Signals that came while the view was made are not lost: the terminal's end the run before it began."""
        typed = signal.sigpending() & {signal.SIGINT, signal.SIGQUIT}
        self._asked = next((int(number) for number in typed if number not in self._ignored), 0)
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGHUP):
            ignored = number in self._ignored
            signal.signal(number, signal.SIG_IGN if ignored else self._pass_on)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)

    @property
    def _ignored(self) -> list[int]:
        return self._order["ignored"]

    def _pass_on(self, number: int, _: object) -> None:
        self._asked = number
        if self._running:
            with _Passing(ProcessLookupError):
                os.kill(self._running, number)

    def _run(self, argv: list[bytes]) -> int:
        """Run one command: its exit status, or a signal's number below zero."""
        self._wait(0)  # the caller may be gone already
        with _Held():
            if self._over or self._asked:
                return -(self._asked or signal.SIGTERM)
            parent = os.getpid()
            self._running = os.fork()
            if not self._running:
                self._become(argv, parent)
        return self._ended()

    def _ended(self) -> int:
        """Wait for the command, or until it is to be ended."""
        while not self._over:
            self._wait(None)
            status = self._collect()
            if status is not None:
                return os.waitstatus_to_exitcode(status)
        return -signal.SIGTERM

    def _become(self, argv: list[bytes], parent: int) -> None:
        """The child: be the command, or end."""
        order = self._order
        what, status = order["cwd"], 126
        try:
            kernel.die_with_parent(signal.SIGKILL)
            if os.getppid() != parent:
                return
            for number in _OURS:
                ignored = number in self._ignored
                signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            os.chdir(what)
            what = argv[0]
            signal.pthread_sigmask(signal.SIG_SETMASK, order["blocked"])
            _execute(argv, order["environment"])
        except OSError as error:
            status = 127 if error.errno in (errno.ENOENT, errno.ENOTDIR) else 126
            os.write(2, b"vfs: %s: %s\n" % (what, os.strerror(error.errno or 0).encode()))
        finally:
            os._exit(status)

    def _wait(self, seconds: float | None) -> None:
        """Until a signal came or the caller hung up, no longer than `seconds`."""
        for number, _ in self._wakes.poll(None if seconds is None else seconds * 1000):
            if number == self._waking:
                with _Passing(BlockingIOError):
                    os.read(number, 4096)
            elif self.watch and number == self.watch.queue:
                self._urgent.poll(PAUSE * 1000)  # so that not every event wakes us
                self.watch.read()
            else:
                self._over = True  # nothing more is ever sent
                self._wakes.unregister(number)
                self._urgent.unregister(number)

    def _collect(self) -> int | None:
        """Bury what has ended; the wait status of the command if it is among them."""
        found = None
        with _Passing(ChildProcessError):
            while True:
                process, status = os.waitpid(-1, os.WNOHANG)
                if not process:
                    return found
                if process == self._running:
                    self._running = 0
                    found = status
        self._alone = True  # every orphan would be a child
        return found

    def _end_all(self) -> None:
        """Until nothing that descends from here is left."""
        number, until = signal.SIGTERM, time.monotonic() + GRACE
        told: set[int] = set()
        while True:
            self._alone = False
            self._collect()
            if self._alone:
                self._count()
                return
            remaining = until - time.monotonic()
            if remaining <= 0 and number != signal.SIGKILL:
                number = signal.SIGKILL
                told.clear()
            server = self.watch.served_by if self.watch else 0
            left = [process for process in _below(os.getpid()) if process != server]
            if server and not left and self.watch:
                self._count()  # before that process is buried with the commands
                self.watch.gather()  # it was the last; if one was missed, it is ended all the same
                continue
            for process in left:
                if process not in told:
                    told.add(process)
                    with _Passing(OSError):
                        os.kill(process, number)
            self._wait(0.05)  # some may be born, or handed to us, without a signal

    def _count(self) -> None:
        if self._read is None:
            found = _read_below()
            self._read = -1 if found < 0 else found - self._before


def _execute(argv: list[bytes], environment: dict[bytes, bytes]) -> None:
    """As `os.execvpe`, which imports modules: here they are looked for in the view. Raises OSError."""
    paths = [argv[0]]
    if b"/" not in argv[0]:
        places = environment.get(b"PATH", b"/usr/local/bin:/usr/bin:/bin")
        paths = [os.path.join(place, argv[0]) for place in places.split(b":")]
    failed: OSError | None = None
    for path in paths:
        try:
            os.execve(path, argv, environment)
        except OSError as error:
            if failed is None or failed.errno == errno.ENOENT:
                failed = error
    if failed is not None:
        raise failed


class _Held:
    """A block in which no signal for a command comes."""

    def __enter__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD)

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


class _Passing:
    """As `contextlib.suppress`, whose imports cost more than all of this."""

    def __init__(self, kind: type[BaseException]) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, self._kind)


def _read_below() -> int:
    """Bytes that descendants had read which were buried: `rchar` of proc(5), in which the kernel adds them up; -1 where it does not count."""
    with _Passing(OSError):
        whole, own = _io(b"/proc/self/io"), _io(b"/proc/thread-self/io")
        return _characters(whole) - _characters(own) + len(whole)  # which was read in between
    return -1


def _io(path: bytes) -> bytes:
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    data = os.read(number, 4096)
    os.close(number)
    return data


def _characters(data: bytes) -> int:
    return int(data.split(None, 2)[1])


def _below(process: int) -> Iterator[int]:
    """The descendants of a process, as they are now."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with _Passing(OSError):
                with open(f"/proc/{name}/stat", "rb") as file:
                    after = file.read().rpartition(b") ")[2].split(b" ")
                parents.setdefault(int(after[1]), []).append(int(name))
    found = [process]
    for one in found:  # grows while it is read
        yield from parents.get(one, ())
        found += parents.get(one, ())
