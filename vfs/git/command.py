"""Runs the `git` program, for what libgit2 cannot do: talking to remotes, rare revision syntax.

Rule: no prompt, no hook, no shell, no inherited `GIT_DIR`; arguments that come from outside stand
behind `--` (the callers' duty) and URLs are checked before they get here. The environment is set
through `env`, so that the user's own settings (HOME, SSH agent, proxies, helpers) stay in force;
only what would ask a person (askpass programs, windows of credential helpers) is turned off, since
nobody may be there to answer a daemon.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from vfs.config import environment
from vfs.errors import AccessDenied, ObjectMissing, RemoteError, RemoteUnavailable, Unsupported
from vfs.offline import refuse

_UNSET = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_TRACE",
    "GIT_TRACE_CURL",
)
_SET = (
    "GIT_TERMINAL_PROMPT=0",
    "GIT_ASKPASS=",  # set but empty: neither core.askPass nor SSH_ASKPASS is tried
    "GCM_INTERACTIVE=never",
    "GIT_OPTIONAL_LOCKS=0",
    "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh",
    "SSH_ASKPASS_REQUIRE=never",
    "LC_ALL=C",
)
_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "credential.interactive=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
)
DEFAULT_TIMEOUT = 3600.0  # seconds; stalled transfers end after 60 s by themselves
_LOOK = 0.2  # seconds between two looks whether a run is still wanted
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=20"


class GitFailed(Exception):
    """`git` ended with an error; internal to vfs.git."""

    def __init__(self, status: int, stderr: str) -> None:
        super().__init__(stderr)
        self.status = status
        self.stderr = stderr


def run_git(
    arguments: Sequence[str],
    *,
    git_dir: Path | None = None,
    data: bytes = b"",
    timeout: float = DEFAULT_TIMEOUT,
    variables: Mapping[str, str] | None = None,
    into: IO[bytes] | None = None,
    check: Callable[[], object] | None = None,
    inherited: Sequence[int] = (),
) -> bytes:
    """Run `git arguments` and return what it printed.

    Args:
        arguments: of `git`.
        git_dir: of the repository, unless the arguments name it.
        data: its standard input.
        timeout: seconds it may take.
        variables: of its environment, for this run alone.
        into: takes what it prints; b"" is returned then.
        check: called while it runs, some times a second: whatever it raises ends `git`.
        inherited: descriptors that it keeps as long as it runs, if it outlives us.

    Raises:
        GitFailed: it ended with an error, or took longer than `timeout` seconds.
        Unsupported: there is no `git` program.
    """
    unset = [part for name in _UNSET for part in ("-u", name)]
    config = [part for item in _CONFIG for part in ("-c", item)]
    where = [f"--git-dir={git_dir}"] if git_dir is not None else []
    more = [f"{name}={value}" for name, value in (variables or {}).items()]
    argv = ["env", *unset, *_SET, *more, "git", *config, *where, *arguments]
    with _given(data) if check else contextlib.nullcontext(subprocess.PIPE) as given:
        process = subprocess.Popen(
            argv,
            stdin=given,
            stdout=into or subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # no terminal to prompt on, and one group to kill
            pass_fds=inherited,
        )
    try:
        output, errors = _said(process, None if check else data, timeout, check)
    except subprocess.TimeoutExpired as error:
        raise GitFailed(-1, f"git timed out after {timeout:.0f} s") from error
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode == 127:
        raise Unsupported("the `git` program is needed for this", hint="install Git 2.30 or newer")
    if process.returncode:
        raise GitFailed(process.returncode, errors.decode("utf-8", "replace").strip())
    return output or b""


@contextlib.contextmanager
def _given(data: bytes) -> Iterator[IO[bytes]]:
    """A file as standard input: `communicate` does not go on writing into a pipe after its time was over once."""
    import tempfile

    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file


def _said(
    process: subprocess.Popen[bytes],
    data: bytes | None,
    timeout: float,
    check: Callable[[], object] | None,
) -> tuple[bytes, bytes]:
    """What a process prints until it ends. Raises TimeoutExpired, and whatever `check` does."""
    if check is None:
        return process.communicate(data, timeout=timeout)
    until = time.monotonic() + timeout
    while True:
        check()
        try:
            return process.communicate(timeout=_LOOK)
        except subprocess.TimeoutExpired:
            if time.monotonic() >= until:
                raise


def run_remote(
    arguments: Sequence[str],
    *,
    git_dir: Path | None = None,
    data: bytes = b"",
    timeout: float = DEFAULT_TIMEOUT,
    check: Callable[[], object] | None = None,
    inherited: Sequence[int] = (),
) -> bytes:
    """`run_git` for a conversation with a remote: SSH neither asks nor waits for a dead host.

    A user who chose an SSH command keeps it as it is.

    Raises:
        Offline: remotes may not be asked.
    """
    refuse("a Git remote")
    config = [] if _ssh_is_chosen(git_dir) else ["-c", f"core.sshCommand={_SSH}"]
    return run_git(
        [*config, *arguments], git_dir=git_dir, data=data, timeout=timeout, check=check, inherited=inherited
    )  # fmt: skip


def _ssh_is_chosen(git_dir: Path | None) -> bool:
    if environment().get("GIT_SSH_COMMAND") or environment().get("GIT_SSH"):
        return True
    try:
        return bool(run_git(["config", "--get", "core.sshCommand"], git_dir=git_dir).strip())
    except GitFailed:
        return False


_DENIED = (
    "authentication failed",
    "permission denied",
    "could not read username",
    "could not read password",
    "terminal prompts disabled",
    "host key verification failed",
    "error: 403",
)
_AWAY = (
    "could not resolve",
    "couldn't connect",
    "failed to connect",
    "unable to connect",
    "unable to look up",
    "connection refused",
    "connection reset",
    "network is unreachable",
    "timed out",
    "early eof",
    "hung up",
    "error: 5",
)
_MISSING = (
    "not found",
    "does not exist",
    "does not appear to be a git repository",
    "couldn't find remote ref",
    "not our ref",
    "no such file or directory",
    "no such remote ref",
)
_HINTS = (
    ("host key", "connect once by hand (`git ls-remote URL`) to accept the key of the host"),
    ("certificate", "if you trust its authority: `git config --global http.sslCAInfo FILE`"),
)
_SIGN_IN = (
    "vfs never asks for a password: set up a Git credential helper or an SSH key, so that "
    "`git ls-remote URL` works without a prompt"
)
_ADVICE = (
    "fatal: Could not read from remote repository.",
    "Please make sure you have the correct access rights",
    "and the repository exists.",
)


def explain(error: GitFailed, label: str) -> RemoteError:
    """The domain error for a failed conversation with the remote `label` (free of secrets)."""
    text = error.stderr.lower()
    message = f"Git remote {label}: {_verdict(error)}"
    hint = next((hint for sign, hint in _HINTS if sign in text), None)
    if any(sign in text for sign in _DENIED):
        return AccessDenied(message, hint=hint or _SIGN_IN)
    if any(sign in text for sign in _MISSING):
        return ObjectMissing(message, hint="check the URL: `git ls-remote` must list it")
    if any(sign in text for sign in _AWAY):
        return RemoteUnavailable(
            message, hint=hint or "check the network and the name of the host, then try again"
        )
    return RemoteError(
        message, hint=hint or "`git ls-remote` with that URL shows whether Git can use it"
    )


def _verdict(error: GitFailed) -> str:
    """The last line that names a cause."""
    lines = [line for line in error.stderr.splitlines() if line and line not in _ADVICE]
    return lines[-1] if lines else f"status {error.status}"
