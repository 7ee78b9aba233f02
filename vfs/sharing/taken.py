"""What `import` and `get` take of a repository: a file, or the files of a directory sorted by path.

Rule: data in place of its pointers; nothing of the contents is read but the texts of symlinks.
"""

from vfs.git import clone_metadata
from vfs.types import Entry
from vfs.workspace import Workspace
from vfs.workspace.directory import Directory
from vfs.workspace.import_refs import Trail
from vfs.workspace.origins import ImportRef
from vfs.workspace.pointers import Progress
from vfs.workspace.projection import Item
from vfs.workspace.taken import Taking


def taken(
    workspace: Workspace, ref: ImportRef, progress: Progress, *, links: bool
) -> Entry | list[Item]:
    """What an import of a reference takes.

    Args:
        workspace: that it is imported into.
        ref: of the source.
        progress: told (stage, done, total).
        links: follow symlinks.

    Raises:
        VfsError: the repository, the commit or the path cannot be had.
    """

    def open_source(ref: ImportRef) -> Entry | Directory:
        return workspace.source(ref, Trail(), progress).found

    source = workspace.source(ref, Trail(), progress)
    return Taking(workspace.session, open_source).of(source.found, source.hides, ref, links=links)


def found_in(workspace: Workspace, rev: str, path: bytes, progress: Progress) -> Entry | list[Item]:
    """What a revision of the repository itself has, links followed. Raises as `Workspace.snapshot` and `Snapshot.resolve`."""

    def open_source(ref: ImportRef) -> Entry | Directory:
        return workspace.snapshot(rev, progress, scope=ref.path).resolve(ref.path)

    snapshot = workspace.snapshot(rev, progress, scope=path)
    ref = ImportRef(str(workspace.repository.git_dir), workspace.name, rev, path)
    taking = Taking(workspace.session, open_source)
    return taking.of(snapshot.resolve(path), snapshot.hides, ref)


def newest(workspace: Workspace, url: str, rev: str | None) -> str:
    """The commit id that a revision of a source has now (None: its HEAD); a clone is brought up to date.

    Raises:
        VfsError: the repository or the revision cannot be had.
    """
    repository = clone_metadata(url, workspace.settings.cache_dir, refresh=True)
    return repository.resolve(rev or "HEAD").oid
