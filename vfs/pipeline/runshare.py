"""The run cache between clones: entries on a remote in DVC's layout, at the keys that DVC gives them.

Rule ("durable before named"): objects go before the entries that name them. An entry that comes in is read and must be what its key says.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from vfs.errors import ConfigError, FormatError, Unsupported
from vfs.formats.run_cache import entry_path, read_entry
from vfs.formats.stage_values import Locked
from vfs.formats.values import Out
from vfs.pipeline.runcache import RunCache, have_outs
from vfs.remotes import Remote
from vfs.remotes.base import read_body
from vfs.tracking.caches import Caches
from vfs.tracking.targets import Selection, Wanted
from vfs.tracking.uses import Use
from vfs.workspace import Workspace
from vfs.workspace.outs import Claim
from vfs.workspace.stores import DvcStore, RemoteRef

_JOBS = 8
_MOST = 8 << 20  # bytes of an entry


class RunShare:
    """The run cache of one DVC repository and one remote.

    Args:
        workspace: that it lies in.
        root: of the DVC repository, relative to the working tree.
        remote: its name; None: the default one.
    """

    def __init__(self, workspace: Workspace, root: bytes, remote: str | None) -> None:
        """Raises ConfigError: there is no such remote; Unsupported: it keeps no run cache."""
        self._store = workspace.survey("worktree").roots.store_of(root + b"/x" if root else b"x")
        self._root = root
        self._caches = Caches(self._store)
        self._local = RunCache(self._caches.home.directory)
        self._ref = _target(workspace, self._store, remote)
        self._remote: Remote = workspace.session.remote(self._ref)

    def uses(self) -> list[Use]:
        """The outs that entries here name, each content once."""
        found: dict[object, Use] = {}
        for path, run in self._entries():
            for item in run.outs.values():
                if item.digest is None:
                    continue
                out = Out(os.fsencode(item.written), item.digest, item.is_tree, item.size)
                claim = Claim(out, path.encode())
                use = Use(Wanted(claim), Selection([], (), set(), ()), self._store, self._root, "")
                found.setdefault((item.digest, item.is_tree), use)
        return list(found.values())

    def push(self) -> int:
        """Send the entries that the remote lacks, of those whose outs are here; how many. Raises RemoteError."""
        there = set(self._there())
        sent = [
            path
            for path, run in self._entries()
            if path not in there and have_outs(self._caches, run)
        ]

        def send(path: str) -> None:
            with open(os.path.join(self._local.directory, path), "rb") as file:
                self._remote.put(self._ref.prefix + path, file.read())

        with ThreadPoolExecutor(_JOBS, "vfs-runs") as pool:
            list(pool.map(send, sent))
        return len(sent)

    def fetch(self) -> int:
        """Bring the entries that are not here; how many. Raises RemoteError, StoreFull, StoreError."""
        lacking = [
            path
            for path in self._there()
            if not os.path.exists(os.path.join(self._local.directory, path))
        ]
        with ThreadPoolExecutor(_JOBS, "vfs-runs") as pool:
            return sum(pool.map(self._bring, lacking))

    def _bring(self, path: str) -> bool:
        key = self._ref.prefix + path
        with suppress(FormatError), self._remote.get(key) as body:
            if body.size > _MOST:
                return False
            data = bytes(read_body(body, body.size))
            return self._local.take(path, data)
        return False

    def _there(self) -> Iterator[str]:
        cut = len(self._ref.prefix)
        for info in self._remote.list(self._ref.prefix + "runs/"):
            path = info.key[cut:]
            parts = path.split("/")
            if len(parts) == 4 and path == entry_path(parts[2], parts[3]):
                yield path

    def _entries(self) -> Iterator[tuple[str, Locked]]:
        top = os.path.join(self._local.directory, "runs")
        for parent, _, names in os.walk(top):
            for name in sorted(names):
                path = os.path.relpath(os.path.join(parent, name), self._local.directory)
                if path != entry_path(os.path.basename(parent), name):
                    continue
                with suppress(OSError, FormatError), open(os.path.join(parent, name), "rb") as file:
                    yield path, read_entry(file.read(_MOST), path)


def _target(workspace: Workspace, store: DvcStore, name: str | None) -> RemoteRef:
    ref = store.target(name or workspace.settings.remote_default)
    if ref is None:
        raise ConfigError("no such remote is configured", hint="vfs remote list shows them")
    if ref in store.packed or ref.versioned:
        raise Unsupported(
            f"remote {ref.name} keeps no run cache", hint="name one in DVC's layout with --remote"
        )
    return ref
