"""`vfs doctor --bundle`: everything that a bug report needs, in one archive, without secrets.

Rules: nothing is in it that is not made here, piece by piece, and every piece has passed `vfs_cli.doctor.redaction`. The file is for the user alone (0600), and is
written whole or not at all. What cannot be found out is said in its place; nothing ends the bundle.
"""

import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vfs.config import Settings, environment, state_dir
from vfs.control.client import call, find_mounts
from vfs.errors import UsageError, VfsError
from vfs_cli.doctor.finding import Finding
from vfs_cli.doctor.redaction import TOLD, Redaction, secrets_of
from vfs_cli.doctor.stored import stored_secrets

if TYPE_CHECKING:
    from vfs.workspace import Workspace
    from vfs.workspace.stores import RemoteRef

DEFAULT: Final = "vfs-bundle.tar.gz"
LOG_BYTES: Final = 256 << 10
"""Of the end of each log."""

MOST_LOGS: Final = 8
MOST_NAMES: Final = 200_000
"""Names of files that are looked for in lines."""

_ANSWER_SECONDS: Final = 5.0
_PROGRAMS: Final = (("git", "--version"), ("fusermount3", "--version"), ("dvc", "--version"))
_RELEVANT: Final = (
    "VFS_", "XDG_", "DVC_", "AWS_", "AZURE_", "GOOGLE_", "GIT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy",
    "no_proxy", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "LANG", "LC_", "PYTHON",
)  # fmt: skip

Piece = tuple[str, bytes]


def collect(
    workspace: "Workspace | None",
    settings: Settings,
    findings: Sequence[Finding],
    *,
    paths: bool,
) -> list[Piece]:
    """The files of a bundle: name and content.

    Args:
        workspace: the repository, if there is one.
        settings: of this machine and repository.
        findings: of the doctor.
        paths: names of files may be in it.
    """
    refs = [] if workspace is None else list(_remotes(workspace))
    options = [dict(ref.options) for ref in refs]
    secrets = secrets_of(options, (ref.url for ref in refs), environment())
    secrets |= stored_secrets(Path.home(), environment(), options)
    names = frozenset() if paths or workspace is None else frozenset(_names(workspace))
    redaction = Redaction(secrets, names, paths=paths)
    pieces = [
        _json("versions.json", versions()),
        _json("machine.json", machine()),
        _json("environment.json", sorted(_variables())),
        _json("settings.json", redaction.value(_plain(asdict(settings)))),
        _json("remotes.json", [_remote(redaction, ref) for ref in refs]),
        _json("findings.json", [redaction.value(_finding(finding)) for finding in findings]),
        _json("store.json", _figures(workspace)),
        *_mounts(redaction),
        *_logs(redaction),
    ]
    return [("README.txt", _readme(pieces, paths)), *pieces]


def write(file: str, pieces: Sequence[Piece]) -> Path:
    """Write the archive. Raises UsageError: it is there already, or cannot be written."""
    path = Path(os.path.abspath(file))
    top = f"vfs-bundle-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in pieces:
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
            archive.addfile(member, io.BytesIO(content))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} is there already", hint="name another file") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data.getvalue())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return path


# -- what is in it ------------------------------------------------------------------------------------


def versions() -> dict[str, Any]:
    """Of vfs, what it needs, the system."""
    found: dict[str, Any] = {"python": sys.version.split()[0], "libraries": _libraries()}
    system = platform.uname()
    found["kernel"] = f"{system.system} {system.release} {system.machine}"
    found["libc"] = " ".join(platform.libc_ver())
    with suppress(OSError):
        found["system"] = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    for program, argument in _PROGRAMS:
        found[program] = _said(program, argument)
    return found


def _libraries() -> dict[str, str]:
    found = {}
    with suppress(PackageNotFoundError):
        needs = distribution("vfs").requires or []
        for name in ("vfs", *sorted({_name(need) for need in needs})):
            with suppress(PackageNotFoundError):
                found[name] = version(name)
    return found


def _name(requirement: str) -> str:
    import re

    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]


def _said(program: str, argument: str) -> str | None:
    if shutil.which(program) is None:
        return None
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            [program, argument], capture_output=True, timeout=20, check=False, text=True
        )
        return (done.stdout or done.stderr).strip().split("\n")[0][:200]
    return None


def machine() -> dict[str, Any]:
    """Processors, memory, limits, and how mounts of vfs are mounted."""
    import resource

    memory = {}
    with suppress(OSError):
        rows = Path("/proc/meminfo").read_text().splitlines()
        memory = {row.split(":")[0]: row.split(":")[1].strip() for row in rows[:3]}
    options = []
    with suppress(OSError):
        table = Path("/proc/self/mountinfo").read_bytes().splitlines()
        for row in table:
            fields = row.split(b" ")
            if b"fuse.vfs" in fields:
                after = fields[fields.index(b"-", 6) + 1 :]
                options.append([fields[5].decode("ascii", "replace"), after[-1].decode("ascii", "replace")])  # fmt: skip
    return {
        "processors": os.cpu_count(),
        "memory": memory,
        "open_files": list(resource.getrlimit(resource.RLIMIT_NOFILE)),
        "root": os.geteuid() == 0,
        "mount_options": options,
    }


def _variables() -> Iterator[str]:
    """Names of variables that matter; their values are nobody's business."""
    return (name for name in environment() if name.startswith(_RELEVANT) and name.isascii())


def _remotes(workspace: "Workspace") -> "Iterator[RemoteRef]":
    """All remotes that are configured for what HEAD, or the working tree, shows."""
    from vfs.workspace.origins import stores_of
    from vfs.workspace.patience import BRIEF

    for rev in ("HEAD", "worktree"):
        with suppress(VfsError):
            snapshot = workspace.snapshot(rev, patience=BRIEF)
            stores = {store for origin in snapshot.origins for store in stores_of(origin)}
            found = {ref for store in stores for ref in (*store.remotes, *store.packed)}
            yield from sorted(found, key=lambda ref: ref.name)
            if found:
                return


def _names(workspace: "Workspace") -> Iterator[str]:
    """Names of files and directories, as far as there are not too many."""
    from itertools import islice

    from vfs.workspace.patience import BRIEF

    for rev in ("HEAD", "worktree"):
        with suppress(VfsError):
            snapshot = workspace.snapshot(rev, patience=BRIEF)
            for path, _ in islice(snapshot.walk(), MOST_NAMES):
                yield from path.decode("utf-8", "backslashreplace").split("/")


def _remote(redaction: Redaction, ref: "RemoteRef") -> dict[str, Any]:
    told = {name: value for name, value in ref.options if name.lower() in TOLD}
    return {
        "name": redaction.line(ref.name),
        "url": redaction.url(ref.url),
        "versioned": ref.versioned,
        "options": {**redaction.value(told), **{n: "***" for n, _ in ref.options if n not in told}},
    }


def _figures(workspace: "Workspace | None") -> dict[str, Any]:
    if workspace is None:
        return {}
    found: dict[str, Any] = {}
    try:
        found["store"] = asdict(workspace.store.statistics())
    except VfsError as error:
        found["store"] = {"error": error.code}
    directory = workspace.settings.cache_dir / "catalog"
    with suppress(OSError):
        found["catalog"] = {"bytes": sum(file.stat().st_size for file in directory.iterdir())}
    return found


def _mounts(redaction: Redaction) -> Iterator[Piece]:
    for number, record in enumerate(find_mounts(), 1):
        try:
            said: dict[str, Any] = call(record, "statistics", timeout=_ANSWER_SECONDS)
            said["periods"] = call(record, "report", timeout=_ANSWER_SECONDS).get("periods")
        except VfsError as error:
            said = {"error": error.code}
        yield _json(f"mounts/{number}.json", redaction.value(said))


def _logs(redaction: Redaction) -> Iterator[Piece]:
    """The ends of the logs that were written last."""
    try:
        files = sorted(state_dir().glob("*.log"), key=lambda file: -file.stat().st_mtime)
    except (OSError, VfsError):
        return
    for file in files[:MOST_LOGS]:
        with suppress(OSError):
            with file.open("rb") as stream:
                start = max(0, os.fstat(stream.fileno()).st_size - LOG_BYTES)
                stream.seek(start)
                lines = stream.read(LOG_BYTES).decode("utf-8", "replace").split("\n")
            whole = lines[1:] if start else lines  # the first is cut, and may be half a secret
            text = "\n".join(map(redaction.line, whole))
            yield f"logs/{file.name}", text.encode("utf-8", "backslashreplace")


def _finding(finding: Finding) -> dict[str, Any]:
    return finding._asdict() | {"state": finding.state.value}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Path) else value for name, value in values.items()
    }


def _json(name: str, value: Any) -> Piece:
    return name, json.dumps(value, indent=1, default=str).encode()


def _readme(pieces: Iterable[Piece], paths: bool) -> bytes:
    told = "are in it: you asked for them" if paths else "were replaced by <name> and <path>"
    rows = "\n".join(f"  {name:<24} {len(content)} bytes" for name, content in pieces)
    return (
        "A bug report of vfs. Secrets were blotted out (***), values of environment variables left out;\n"
        f"names of files {told}. Read it before you send it.\n\n{rows}\n"
    ).encode()
