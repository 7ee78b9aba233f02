"""`Plan`: which snapshot to build."""

from dataclasses import dataclass, field, replace

from vfs.formats.dvcconfig import DvcConfig
from vfs.workspace.import_refs import Trail
from vfs.workspace.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build.

    Attributes:
        rev: as the caller named it.
        commit: its id, None for the working tree.
        tree: oid of the tree.
        time: seconds; when contents that are new here are first seen.
        scope: only this path and what is below is wanted (an import's).
        config: laid over the repository's configuration (an import's).
        remote: the remote to prefer (an import's).
        trail: the imports that led here.
    """

    rev: str
    commit: str | None
    tree: bytes
    time: int
    scope: bytes = b""
    config: DvcConfig | None = None
    remote: str | None = None
    trail: Trail = field(default_factory=Trail)

    def named(self, snapshot: Snapshot) -> Snapshot:
        """An equal snapshot that was built for another revision, under this one's name."""
        if (snapshot.rev, snapshot.commit) == (self.rev, self.commit):
            return snapshot
        return replace(snapshot, rev=self.rev, commit=self.commit, time=self.time)
