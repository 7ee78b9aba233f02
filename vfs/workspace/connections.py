"""`Connections`: the drivers of the remotes of one session, and what it keeps of packed ones.

Rules:
  * A remote is opened once for each set of options, when it is first needed.
  * One that the machine's configuration named once and names no more is let go when another is opened in its place, and closed as
    soon as nobody holds it: readers of its bodies do, and so goes on what was begun.

Thread-safe; blocking.
"""

import threading
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path

from vfs.config import Settings
from vfs.git import GitCredentials
from vfs.offline import refuse
from vfs.remotes import Remote, RemoteSpec, RemoteStatistics, open_lfs, open_remote
from vfs.remotes.bandwidth import Bandwidth
from vfs.remotes.statistics import Statistics
from vfs.workspace.packed import ListedTrees, PackedSource
from vfs.workspace.renewal import Renewal
from vfs.workspace.stores import RemoteRef


class Connections:
    """See the module."""

    def __init__(self, settings: Settings, renewal: Renewal, listed: ListedTrees) -> None:
        self._settings = settings
        self._renewal = renewal
        self._listed = listed
        self._remotes: dict[RemoteRef, Remote] = {}
        self._packed: dict[RemoteRef, PackedSource] = {}
        self._asked: dict[RemoteRef, Statistics] = {}
        self._configured: set[RemoteRef] = set()  # those that were when they were opened
        self._unused: deque[Callable[[], None]] = deque()  # closes what nobody holds any more
        rate = settings.max_bandwidth
        self._bandwidth = Bandwidth(rate, jobs=settings.jobs) if rate else None
        self._guard = threading.Lock()

    def remote(self, ref: RemoteRef) -> Remote:
        """The driver of a remote, with the options it has now; errors as in `Session.remote`."""
        refuse(f"remote {ref.name}")
        ref = self._renewal.remote(ref)
        spec = RemoteSpec(ref.name, ref.url, dict(ref.options))

        def opened(asked: Statistics) -> Remote:
            return open_remote(
                spec,
                jobs=self._settings.jobs,
                timeout=self._settings.request_timeout,
                hedge=self._settings.hedge,
                bandwidth=self._bandwidth,
                statistics=asked,
                unused=self._unused.append,
            )

        return self._known(ref) or self._open(ref, opened)

    def lfs(self, ref: RemoteRef, git_dir: str) -> Remote:
        """The driver of a repository's LFS server. Raises ConfigError."""
        refuse("the Git LFS server")

        def opened(asked: Statistics) -> Remote:
            return open_lfs(
                ref.url,
                GitCredentials(ref.url, Path(git_dir)),
                jobs=self._settings.jobs,
                timeout=self._settings.request_timeout,
                hedge=self._settings.hedge,
                bandwidth=self._bandwidth,
                statistics=asked,
            )

        return self._known(ref) or self._open(ref, opened)

    def packed(self, ref: RemoteRef) -> PackedSource:
        """A remote in the packed layout; errors as in `remote`."""
        refuse(f"remote {ref.name}")
        ref = self._renewal.remote(ref)
        remote = self.remote(ref)
        with self._guard:
            known = self._packed.get(ref)
            if known is None:
                known = PackedSource(ref.name, remote, self._settings.cache_dir, self._listed)
                weakref.finalize(known, self._unused.append, known.reader.close).atexit = False
                self._packed[ref] = known
            return known

    def silent(self) -> list[str]:
        """As `Session.silent_remotes`."""
        with self._guard:
            asked = dict(self._asked)
        owing = {ref.name for ref, statistics in asked.items() if statistics.pending}
        return sorted(owing or {ref.name for ref in asked if not ref.local})

    def statistics(self) -> dict[str, RemoteStatistics]:
        """What each remote was asked, by name; of several of one name the last."""
        return dict(self.each_statistics())

    def each_statistics(self) -> list[tuple[str, RemoteStatistics]]:
        """As `Session.remote_statistics`."""
        with self._guard:
            asked = dict(self._asked)
        return [(ref.name, statistics.snapshot()) for ref, statistics in asked.items()]

    def disconnect(self) -> None:
        """Close all connections, so that what waits for them fails; what is asked for from now on is opened anew."""
        with self._guard:
            remotes, self._remotes = list(self._remotes.values()), {}
            self._packed = {}  # closed once nobody reads from them
        for remote in remotes:
            remote.close()

    def close(self) -> None:
        """Close everything."""
        with self._guard:
            packed = list(self._packed.values())
        self.disconnect()
        for source in packed:
            source.reader.close()
        self._close_unused()

    def _known(self, ref: RemoteRef) -> Remote | None:
        self._close_unused()
        with self._guard:
            return self._remotes.get(ref)

    def _open(self, ref: RemoteRef, opened: Callable[[Statistics], Remote]) -> Remote:
        configured = self._renewal.configured()
        with self._guard:
            known = self._remotes.get(ref)
            if known is None:
                asked = self._asked.get(ref) or Statistics()
                known = self._remotes[ref] = opened(asked)
                self._asked[ref] = asked
                if ref[:3] in configured:
                    self._configured.add(ref)
                self._let_go({old for old in self._configured if old[:3] not in configured})
        self._close_unused()
        return known

    def _let_go(self, replaced: set[RemoteRef]) -> None:
        """With the guard held."""
        self._configured -= replaced
        for ref in replaced:
            del self._remotes[ref]
        for ref in [ref for ref in self._packed if ref not in self._remotes]:
            del self._packed[ref]
        for ref in [ref for ref in self._asked if ref not in self._remotes]:
            if not self._asked[ref].pending:
                del self._asked[ref]

    def _close_unused(self) -> None:
        """Here and not where the last holder let go: that may be any thread, at any moment."""
        while self._unused:
            try:
                close = self._unused.popleft()
            except IndexError:  # another thread has it
                return
            close()
            del close
