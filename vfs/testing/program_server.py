"""A program in Python whose commands are run by one process that has loaded it: a start takes it up to half a second, of which a fork takes none.

Rule: each command is a process of its own with its own directory, environment and standard files, as if
it had been started; only what was imported is shared. What reads the environment while it is imported is left to the
commands, or told of theirs. A client that has ended takes the server along: its standard input ends.
"""

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import psutil

import vfs_cli

VFS: Final = (sys.executable, "-m", "vfs_cli")
SCRIPT: Final = str(Path(sys.executable).parent / "vfs")

_SERVER: Final = r"""
import atexit, contextlib, gc, json, os, sys, threading
loading, begun, program, *modules = sys.argv[1:]
exec(loading)
for name in modules:
    with contextlib.suppress(ModuleNotFoundError):
        __import__(name)
gc.freeze()
requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
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
        exec(begun)
        try:
            code = main()
        except SystemExit as end:
            code = end.code
        threading._shutdown(), atexit._run_exitfuncs()
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code or 0)  # taking all that was loaded apart would take longer than most commands
    os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""

_DVC: Final = """
from dvc.cli import main
from dvc.cli.parser import get_main_parser
get_main_parser()  # which loads all commands
"""
_DVC_BEGUN: Final = """
assert "pygit2" not in sys.modules, "libgit2 looks for its configuration when it is loaded"
"""
# What most commands and those with remotes need, and load late. Not every DVC has all of it.
_DVC_MODULES: Final = (
    *("dvc.repo", "dvc.scm", "dvc.cachemgr", "dvc.data_cloud", "dvc.lock", "dvc.rwlock"),
    *("configobj", "dulwich.worktree", "dvc_render", "networkx", "rich.progress"),
    *("dvc_http", "dvc_s3", "s3fs"),
)

_VFS: Final = """
import importlib, pkgutil
import vfs, vfs_cli
from vfs_cli.entry import main
for package in (vfs, vfs_cli):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.startswith(("vfs.testing", "vfs.fuse")) and "__main__" not in found.name:
            with contextlib.suppress(ImportError):
                importlib.import_module(found.name)
"""
_VFS_BEGUN: Final = """
import pygit2
home = environ.get("HOME", "")
pygit2.settings.search_path[pygit2.enums.ConfigLevel.GLOBAL] = home
pygit2.settings.search_path[pygit2.enums.ConfigLevel.XDG] = os.path.join(environ.get("XDG_CONFIG_HOME") or home + "/.config", "git")
"""


class ProgramServer:
    """A program that waits for commands, from the first one on.

    Attributes:
        command: the words that start it otherwise.
    """

    def __init__(self, command: Sequence[str | Path], argv: Sequence[str | Path]) -> None:
        self.command = command
        self._argv = argv
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def run(
        self,
        arguments: Sequence[str | Path | bytes],
        cwd: Path,
        env: Mapping[str, str],
        stdin: bytes = b"",
        timeout: float | None = None,
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run one command, whatever comes of it; while another one is run it is started. Raises `subprocess.TimeoutExpired`."""
        if not self._one_at_a_time.acquire(blocking=False):
            return started([*self.command, *arguments], cwd, env, stdin, timeout)
        try:
            return self._run([os.fsdecode(word) for word in arguments], cwd, env, stdin, timeout)
        except BaseException:  # the test's time is over: nobody may take the answer for his
            self.close()
            raise
        finally:
            self._one_at_a_time.release()

    def _run(
        self,
        words: list[str],
        cwd: Path,
        env: Mapping[str, str],
        stdin: bytes,
        timeout: float | None,
    ) -> "subprocess.CompletedProcess[bytes]":
        with TemporaryFile() as read, TemporaryFile() as out, TemporaryFile() as err:
            read.write(stdin)
            read.seek(0)
            files = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (read, out, err)]
            request = json.dumps([str(cwd), dict(env), words, files])
            code = self._ask(request.encode() + b"\n", timeout)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(
                [*self.command, *words], code, out.read(), err.read()
            )

    def _ask(self, request: bytes, timeout: float | None) -> int:
        if self._process is None:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "LANG": "C.UTF-8"},
            )
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        requests.write(request)
        requests.flush()
        if not select.select([answers], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired([*self.command], timeout or 0)
        return int(answers.readline())

    def close(self) -> None:
        """End it with the command that it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        running = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for each in running:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        with suppress(BrokenPipeError):
            process.communicate()


def started(
    argv: Sequence[str | Path | bytes],
    cwd: Path,
    env: Mapping[str, str],
    stdin: bytes,
    timeout: float | None,
) -> "subprocess.CompletedProcess[bytes]":
    """Start a program and wait for its end."""
    return subprocess.run(
        argv, cwd=cwd, env=env, input=stdin, capture_output=True, timeout=timeout, check=False
    )


@contextmanager
def dvc_server(program: Path) -> Iterator[ProgramServer]:
    """The real dvc; it ends with the context."""
    python = program.parent / "python"
    argv: list[str | Path] = [python, "-c", _SERVER, _DVC, _DVC_BEGUN, program, *_DVC_MODULES]
    with closing(ProgramServer([program], argv)) as server:
        yield server


@contextmanager
def vfs_server() -> Iterator[ProgramServer]:
    """vfs as installed in the Python that runs the tests; it ends with the context."""
    program = Path(vfs_cli.__file__).parent / "__main__.py"
    argv: list[str | Path] = [sys.executable, "-c", _SERVER, _VFS, _VFS_BEGUN, program]
    with closing(ProgramServer(VFS, argv)) as server:
        yield server
