"""Objects that a partial clone left on its remote ("promised"), fetched when they are needed.

Rule: one `git fetch` per batch, the one Git itself runs for a missing object; it writes into the
clone's own object store. This is the only place where reading an object may use the network.
"""

import threading
from collections.abc import Iterable
from pathlib import Path

import pygit2

from vfs.errors import StoreError
from vfs.git.command import GitFailed, explain, run_remote

_lock = threading.Lock()


def promisor_remote(repository: pygit2.Repository) -> str | None:
    """The name of the remote that promised missing objects; None for a complete clone."""
    config = repository.config
    for entry in config:
        name = entry.name.lower()
        if name == "extensions.partialclone" and entry.value:
            return str(entry.value)
        if name.startswith("remote.") and name.endswith(".promisor") and entry.value == "true":
            return entry.name[len("remote.") : -len(".promisor")]
    return None


def fetch_objects(git_dir: Path, remote: str, oids: Iterable[str]) -> None:
    """Fetch objects by id.

    Raises:
        RemoteError: the remote did not give them.
        StoreError: the configured remote has an impossible name.
    """
    if remote.startswith("-"):
        raise StoreError(f"{git_dir}: the promisor remote has an impossible name {remote!r}")
    wanted = "".join(f"{oid}\n" for oid in oids).encode("ascii")
    arguments = ["-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags"]
    arguments += ["--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none"]
    with _lock:
        try:
            run_remote([*arguments, "--stdin", remote], git_dir=git_dir, data=wanted)
        except GitFailed as error:
            raise explain(error, f"{remote} of {git_dir}") from error
