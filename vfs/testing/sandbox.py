"""A private world for external commands: own HOME, own XDG directories, own Git identity.

Rule: no test reads or writes the configuration, caches or credentials of the person who runs
it. Everything a command may look up by default points into one directory that the sandbox owns.
Paths are short because a control socket's path must fit in 107 bytes.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vfs.testing.program_server import started

# Programs that need not be started, by the words that start them: whoever runs their commands instead (`vfs.testing.program_server`).
RUN_BY: "dict[tuple[str, ...], Callable[..., subprocess.CompletedProcess[bytes]]]" = {}
_BEFORE_IT_RUNS = ("LANG", "LC_", "PYTHON", "LD_", "MALLOC_")  # what a program cannot be told later
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "CI")


class CommandFailed(AssertionError):
    """An external command of a test ended with an unexpected exit code."""


class Sandbox:
    """One directory with everything commands keep outside a repository.

    Attributes:
        root: the directory; removed by `close`.
        environ: the whole environment of commands that run here.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = _environment(root)
        for name in ("home", "cache", "config", "state", "data", "run", "site", "site-config"):
            (root / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        (root / "home" / ".gitconfig").write_text(_GITCONFIG)

    @classmethod
    def temporary(cls) -> "Sandbox":
        """A new sandbox in a directory with a short name."""
        return cls(Path(tempfile.mkdtemp(prefix="vfs-")))

    def close(self) -> None:
        """Remove the directory; nothing may be mounted below it."""
        for path, directories, _ in os.walk(self.root):
            for name in directories:
                full = os.path.join(path, name)
                if not os.path.islink(full):
                    os.chmod(full, 0o700)
        shutil.rmtree(self.root)

    def run(
        self,
        argv: Sequence[str | Path | bytes],
        *,
        cwd: Path | None = None,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float = 240,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command; with `check`, an exit code other than 0 fails the test with its output."""
        where, environ = cwd or self.root, {**self.environ, **(env or {})}
        words = tuple(map(str, argv))
        served = next((one for one in RUN_BY if words[: len(one)] == one), None)
        if served is not None and _early(environ) == _early(_environment(self.root)):
            run, arguments = RUN_BY[served], argv[len(served) :]
            done = run(arguments, where, environ, stdin or b"", timeout)
        else:
            done = started(argv, where, environ, stdin or b"", timeout)
        if check and done.returncode != 0:
            output = (done.stdout + done.stderr).decode(errors="replace")
            raise CommandFailed(f"{argv} in {cwd} ended with {done.returncode}:\n{output}")
        return done

    def git(self, cwd: Path, *arguments: str | bytes | Path, stdin: bytes | None = None) -> bytes:
        """Run git in `cwd` and return what it printed, without the final newline."""
        return self.run(["git", *arguments], cwd=cwd, stdin=stdin).stdout.rstrip(b"\n")


def _early(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_BEFORE_IT_RUNS)}


def _environment(root: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        "LANG": "C.UTF-8",
        **kept,
        "HOME": str(root / "home"),
        "XDG_CACHE_HOME": str(root / "cache"),
        "XDG_CONFIG_HOME": str(root / "config"),
        "XDG_STATE_HOME": str(root / "state"),
        "XDG_DATA_HOME": str(root / "data"),
        "XDG_RUNTIME_DIR": str(root / "run"),
        "DVC_SITE_CACHE_DIR": str(root / "site"),
        "DVC_SYSTEM_CONFIG_DIR": str(root / "site-config"),
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(root / "home" / ".gitconfig"),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_DATE": "2024-02-03T04:05:06Z",
        "GIT_COMMITTER_DATE": "2024-02-03T04:05:06Z",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


_GITCONFIG = """\
[user]
    name = Test Person
    email = test@example.org
[init]
    defaultBranch = main
[commit]
    gpgsign = false
[protocol "file"]
    allow = always
[gc]
    auto = 0
[advice]
    detachedHead = false
[filter "lfs"]
    clean = git-lfs clean -- %f
    smudge = git-lfs smudge -- %f
    process = git-lfs filter-process
    required = true
"""
