"""The real dvc's command line from one process that has loaded it: a start takes it half a second, of which a fork takes none.

Rule: each command is a process of its own with its own directory, environment and standard files, as if
it had been started; only the import of DVC is shared. What reads its environment while it is imported
(libgit2) is left to the commands. A client that has ended takes the server along: its standard input ends.
"""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

import psutil

_SERVER = r"""
import contextlib, gc, json, os, sys
from dvc.cli import main
from dvc.cli.parser import get_main_parser
get_main_parser()  # which loads all commands
for name in sys.argv[2:]:
    with contextlib.suppress(ModuleNotFoundError):
        __import__(name)
assert "pygit2" not in sys.modules
gc.freeze()
program, requests, answers = sys.argv[1], os.fdopen(os.dup(0), "rb"), os.dup(1)
while line := requests.readline():
    cwd, environ, arguments, files = json.loads(line)
    pid = os.fork()
    if not pid:
        for target, (path, flags) in enumerate(zip(files, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY))):
            opened = os.open(path, flags)
            os.dup2(opened, target), os.close(opened)
        requests.close(), os.close(answers)
        os.chdir(cwd)
        os.environ.clear(), os.environ.update(environ)
        sys.argv = [program, *arguments]
        sys.exit(main())
    os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
# What most commands and those with remotes need, and load late. Not every DVC has all of it.
_LOADED = (
    *("dvc.repo", "dvc.scm", "dvc.cachemgr", "dvc.data_cloud", "dvc.lock", "dvc.rwlock"),
    *("configobj", "dulwich.worktree", "dvc_render", "networkx", "rich.progress"),
    *("dvc_http", "dvc_s3", "s3fs"),
)


class DvcServer:
    """A dvc that waits for commands.

    Attributes:
        program: the executable in whose place it runs them.
    """

    def __init__(self, program: Path) -> None:
        self.program = program
        self._one_at_a_time = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [self.program.parent / "python", "-c", _SERVER, self.program, *_LOADED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "LANG": "C.UTF-8"},
        )

    def run(
        self,
        arguments: Sequence[str | Path | bytes],
        cwd: Path,
        env: Mapping[str, str],
        stdin: bytes = b"",
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run one command, whatever comes of it."""
        words = [os.fsdecode(word) for word in arguments]
        with TemporaryFile() as read, TemporaryFile() as out, TemporaryFile() as err:
            read.write(stdin)
            read.flush()
            files = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (read, out, err)]
            request = json.dumps([str(cwd), dict(env), words, files])
            with self._one_at_a_time:
                try:
                    code = self._ask(request.encode() + b"\n")
                except BaseException:  # the test's time is over: nobody may take the answer for his
                    self.stop()
                    self._start()
                    raise
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess([self.program, *words], code, out.read(), err.read())

    def _ask(self, request: bytes) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(request)
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def stop(self) -> None:
        """End it with the command that it runs."""
        running = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        for each in running:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        with suppress(BrokenPipeError):
            self._process.communicate()


@contextmanager
def dvc_server(program: Path) -> Iterator[DvcServer]:
    """Start one; it ends with the context."""
    server = DvcServer(program)
    try:
        yield server
    finally:
        server.stop()
