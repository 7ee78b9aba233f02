"""Metadata-only clones of foreign repositories, kept in the cache and shared by all processes.

`<cache>/repositories/<hash of URL>/` is a bare clone without blobs over 1 MiB (where the server
can filter; those come on demand). A local path is opened where it lies.

Rule: URLs are untrusted. Only https, http, ssh, git, file and local paths; nothing that Git could
take for an option or a remote helper. Credentials in a URL go to a private file that Git's own
`store` helper reads (and never writes: what the user's own helpers know stays with them); they are
never part of an argument, a message or a file name.
"""

import contextlib
import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from vfs import own_mount
from vfs.errors import (
    NotARepository,
    Offline,
    RemoteError,
    RemoteUnavailable,
    UnknownRevision,
    Unsupported,
    UsageError,
    VfsError,
)
from vfs.git.command import GitFailed, explain, run_git, run_remote
from vfs.git.locks import exclusive
from vfs.git.repository import Repository

SCHEMES = ("https", "http", "ssh", "git", "file")
BLOB_LIMIT = "1m"
ANSWER_SECONDS = 30.0
"""How long a remote may take to say where its HEAD is, at most."""
_HELPER = re.compile(r"[A-Za-z0-9+.-]*::")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SCP = re.compile(r"(?:[^/@:]+@)?(\[[^\]/]+\]|[^/:\[\]]+):(.*)")
_OBJECT = re.compile(r"[0-9a-f]{40}")
_REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class Source(NamedTuple):
    """A checked URL: `url` is free of secrets; `local` is a path to open in place."""

    url: str
    credentials: str | None = None
    local: Path | None = None


def parse_source(url: str) -> Source:
    """Check a URL and take the secrets out of it.

    Raises:
        UsageError: it could be taken for an option or names no host.
        Unsupported: its scheme is not allowed.
    """
    if not url or url.startswith("-") or any(ord(c) < 32 or ord(c) == 127 for c in url):
        raise UsageError("a Git URL is empty, begins with '-', or has control characters")
    if _HELPER.match(url):
        raise Unsupported("Git URLs with a remote helper ('name::address') are not allowed")
    scheme = _SCHEME.match(url)
    if scheme is None:
        return _parse_plain(url)
    if scheme[1].lower() not in SCHEMES:
        raise Unsupported(
            f"Git URLs of scheme {scheme[1]!r} are not allowed", hint="use " + ", ".join(SCHEMES)
        )
    return _split_credentials(url)


def _parse_plain(url: str) -> Source:
    """What has no scheme: `[user@]host:path` or a local path (as git-fetch(1) tells them apart)."""
    remote = _SCP.fullmatch(url)
    if remote is None or "/" in url.partition(":")[0]:
        return Source(url, local=Path(url))
    if remote[1].startswith("-") or url.partition("@")[0].startswith("-"):
        raise UsageError("a Git URL names a host that begins with '-'")
    return Source(url)


def _split_credentials(url: str) -> Source:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError("a Git URL is malformed") from error
    scheme = parts.scheme.lower()
    if scheme == "file":
        return Source(url)
    user, at, address = parts.netloc.rpartition("@")
    if not host or host.startswith("-") or user.startswith("-"):
        raise UsageError("a Git URL names no host, or one that begins with '-'")
    if not at:
        return Source(url)
    if scheme in ("http", "https"):
        name, _, password = user.partition(":")
        place = f"{host}:{port}" if port else host
        bare = urlunsplit((scheme, address, parts.path, parts.query, parts.fragment))
        return Source(bare, f"{scheme}://{name}:{password}@{place}\n")
    name = user.partition(":")[0]
    return Source(urlunsplit((scheme, f"{name}@{address}", parts.path, parts.query, "")))


def clone_metadata(
    url: str,
    cache_dir: Path,
    *,
    revision: str | None = None,
    refresh: bool = False,
    offline: Callable[[VfsError], object] | None = None,
    answer: float = ANSWER_SECONDS,
) -> Repository:
    """The clone of a foreign repository; made, or brought up to date, where needed.

    It is fetched again if `refresh` asks for it, or if `revision` is given and unknown. Once this
    returned, everything but large blobs is here, so it works offline. If `offline` is given, a
    remote that does not answer does not keep a clone that is here from being used as it is;
    `offline` is told. `answer` is how many seconds the remote may take to say where its HEAD is (`ANSWER_SECONDS`
    at most).

    Raises:
        UsageError, Unsupported: the URL cannot be used.
        RemoteError: the remote cannot be reached, refuses, or is not there.
        UnknownRevision: it was fetched, and still has no such revision.
    """
    answer = min(answer, ANSWER_SECONDS)
    source = parse_source(url)
    if source.local is not None:
        return _open_local(source.local, revision)
    home = cache_dir / "repositories"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = hashlib.sha256(source.url.encode()).hexdigest()[:32]
    target = home / name
    with exclusive(home / f"{name}.lock"):
        credentials = home / f"{name}.credentials"
        if source.credentials is not None:
            _write_private(credentials, source.credentials)
        fresh = not (target / "HEAD").exists()
        if fresh:
            _clone(source.url, target, credentials, answer)
        elif refresh:
            try:
                _fetch(source.url, target, answer)
            except (RemoteUnavailable, Offline) as error:
                if offline is None:
                    raise
                offline(error)
        repository = Repository.open(target)
        if revision is not None and not _knows(repository, revision):
            if not fresh and not refresh:
                _fetch(source.url, target, answer)
            _fetch_object(source.url, target, revision)
            repository = Repository.open(target)
            repository.resolve(revision)
    return repository


def _open_local(path: Path, revision: str | None) -> Repository:
    if own_mount.holds(path):
        raise NotARepository(f"{path} is no repository: {own_mount.WHY}")
    if not path.exists():
        raise NotARepository(f"{path} does not exist")
    repository = Repository.open(path)
    if revision is not None:
        repository.resolve(revision)
    return repository


def _knows(repository: Repository, revision: str) -> bool:
    try:
        repository.resolve(revision)
    except UnknownRevision:
        return False
    return True


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


def _clone(url: str, target: Path, credentials: Path, answer: float) -> None:
    temporary = target.with_suffix(".part")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    read = f"git credential-store --file={shlex.quote(str(credentials))} get"
    helper = f'credential.helper=!f() {{ test "$1" != get || {read}; }}; f'
    arguments = ["clone", "--quiet", "--bare", "--template=", f"--filter=blob:limit={BLOB_LIMIT}"]
    try:
        _ask_head(["-c", helper], url, answer)
        run_remote([*arguments, "--config", helper, "--", url, str(temporary)])
    except GitFailed as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise explain(error, url) from error
    temporary.replace(target)


def _fetch(url: str, target: Path, answer: float) -> None:
    """Bring branches, tags and HEAD to the remote's state."""
    arguments = ["fetch", "--quiet", "--prune", "--no-write-fetch-head", "--force", "origin"]
    try:
        head = _ask_head([], "origin", answer, target)
        run_remote([*arguments, *_REFS], git_dir=target)
        if head is not None:
            run_git(["symbolic-ref", "HEAD", head], git_dir=target)
    except GitFailed as error:
        raise explain(error, url) from error


def _ask_head(
    options: list[str], remote: str, seconds: float, git_dir: Path | None = None
) -> str | None:
    """The branch that HEAD of a remote stands for; also finds out soon whether it answers at all."""
    command = [*options, "ls-remote", "--symref", "--", remote, "HEAD"]
    said = run_remote(command, git_dir=git_dir, timeout=seconds).decode()
    symbolic = re.match(r"ref: (refs/heads/\S+)\tHEAD\n", said)
    return symbolic[1] if symbolic else None


def _fetch_object(url: str, target: Path, revision: str) -> None:
    """A commit that no branch leads to any more (servers may still give it by its id)."""
    if not _OBJECT.fullmatch(revision) or _knows(Repository.open(target), revision):
        return
    arguments = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin"]
    try:
        run_remote([*arguments, f"{revision}:refs/vfs/{revision}"], git_dir=target)
    except GitFailed as error:
        failure = explain(error, url)
        if type(failure) is RemoteError or failure.code == "object-missing":
            raise UnknownRevision(f"{url} has no commit {revision}") from error
        raise failure from error
