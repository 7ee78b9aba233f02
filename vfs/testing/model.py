"""A pure-Python model of a repository in use, for the state machine over real mounts.

The model knows what every commit holds and which commit the mount shows; it predicts what any
read, listing or lookup must give. It knows nothing of caches, daemons or kernels: whatever they
do, the prediction stays the same. Only a remote that fails makes a prediction weaker: a read may
then fail, but never give other bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Files = Mapping[str, bytes]
"""Path -> content of every file of a snapshot; directories are implied."""


@dataclass
class Handle:
    """A file that was opened: it shows the same bytes until it is closed."""

    path: str
    content: bytes


@dataclass
class Model:
    """What exists and what the mount must show.

    Attributes:
        commits: tag -> files, in order of history.
        current: the tag the mount shows.
        fetchable: whether the remote answers truthfully.
        handles: open files.
    """

    commits: dict[str, Files] = field(default_factory=dict)
    current: str = ""
    fetchable: bool = True
    handles: list[Handle] = field(default_factory=list)

    def commit(self, files: Files) -> str:
        """Record a new commit and return its tag."""
        tag = f"v{len(self.commits)}"
        self.commits[tag] = dict(files)
        return tag

    def switch(self, tag: str) -> None:
        """The mount shows another commit; open files are not touched."""
        self.current = tag

    def open(self, path: str) -> Handle:
        """Open a file of the current commit."""
        handle = Handle(path, self.files[path])
        self.handles.append(handle)
        return handle

    def lose_handles(self) -> None:
        """The daemon died: what was open is dead."""
        self.handles.clear()

    @property
    def files(self) -> Files:
        """What the mount shows."""
        return self.commits[self.current]

    def listing(self, directory: str) -> set[str]:
        """The names directly below a directory (`""` is the root)."""
        prefix = f"{directory}/" if directory else ""
        return {
            path[len(prefix) :].split("/", 1)[0] for path in self.files if path.startswith(prefix)
        }

    def directories(self) -> list[str]:
        """Every directory, the root first."""
        return sorted({"", *(parent for path in self.files for parent in parents(path))})

    def absent(self, paths: Iterable[str]) -> list[str]:
        """Those of `paths` that are neither files nor directories now."""
        present = set(self.files) | set(self.directories())
        return [path for path in paths if path not in present]


def parents(path: str) -> list[str]:
    """The directories above a path, the nearest last."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def consistent(files: Files) -> bool:
    """Whether no path is both a file and a directory, and no name is doubled."""
    return not any(parent in files for path in files for parent in parents(path))
