"""What `dvc import` takes of a source: DVC's view of a directory, with links followed.

Rule: nothing of the contents is read here but the texts of symlinks.
"""

from collections.abc import Callable, Sequence

from vfs.errors import DataUnavailable, UnknownPath, Unsupported
from vfs.types import Entry, Kind
from vfs.workspace.directory import Directory
from vfs.workspace.import_refs import ref_text
from vfs.workspace.origins import GitOrigin, ImportRef, LfsOrigin
from vfs.workspace.projection import Item, follow, inside, project
from vfs.workspace.session import Session

_MOST_OUTSIDE = 64
"""Of so many places outside of the imported directory links are followed: each costs a look at the commit."""

Hides = Callable[[bytes], bool]


class Taking:
    """Looks at the sources of imports.

    Args:
        session: knows the repositories of links.
        open_source: what a source has at the path of a reference; raises a VfsError.
    """

    def __init__(
        self, session: Session, open_source: Callable[[ImportRef], Entry | Directory]
    ) -> None:
        self._session = session
        self._open_source = open_source

    def of(
        self, found: Entry | Directory, hides: Hides, ref: ImportRef, *, links: bool = True
    ) -> Entry | list[Item]:
        """A file, or the files of a directory sorted by path.

        Args:
            found: what the source has.
            hides: as of its snapshot.
            ref: where it has that.
            links: follow symlinks; otherwise they are files that hold their text.

        Raises:
            DataUnavailable: it is a symlink to nothing.
        """
        target: Entry | Directory | None = found
        if links and isinstance(found, Entry) and found.kind is Kind.SYMLINK:
            target = self.follow(found, b"", found, ref, {})
        if target is None:
            raise DataUnavailable(f"{ref_text(ref)} is a symlink that leads to nothing in there")
        if isinstance(target, Entry):
            return target
        items = self.items(target, hides, ref)
        return self.followed(items, target, ref) if links else items

    def items(self, found: Directory, hides: Hides, ref: ImportRef) -> list[Item]:
        """What DVC takes of a directory: not those of Git's files that it ignores."""
        origins = self._session.origins.all()
        return [
            item
            for item in project(found)
            if not isinstance(origins[item.entry.origin], GitOrigin | LfsOrigin)
            or not hides(_join(ref.path, item.path))
        ]

    def followed(self, items: Sequence[Item], found: Directory, ref: ImportRef) -> list[Item]:
        """The items with the files that links lead to; links to directories are left out."""
        kept = []
        outside: dict[bytes, Entry | Directory] = {}
        for item in items:
            if item.entry.kind is not Kind.SYMLINK:
                kept.append(item)
                continue
            target = self.follow(item.entry, item.path, found, ref, outside)
            if target is None:
                kept.append(item)
            elif isinstance(target, Entry):
                kept.append(Item(item.path, target, target.digest))
        return kept

    def follow(
        self,
        link: Entry,
        below: bytes,
        found: Entry | Directory,
        ref: ImportRef,
        outside: dict[bytes, Entry | Directory],
    ) -> Entry | Directory | None:
        """What a link at a path below the imported one leads to; `outside` keeps what lies elsewhere."""
        top = ref.path + b"/" if ref.path else b""

        def open_path(path: bytes) -> Entry | Directory:
            below = path[len(top) :] if path.startswith(top) else None
            if isinstance(found, Directory) and below is not None:
                return inside(found, below) or _nothing(path)
            if path not in outside:
                if len(outside) >= _MOST_OUTSIDE:
                    raise Unsupported("too many symlinks lead out of the imported directory")
                outside[path] = self._open_source(ref.at(path))
            return outside[path]

        return follow(self._session, link, _join(ref.path, below), open_path)


def _nothing(path: bytes) -> Entry:
    raise UnknownPath(f"{path.decode('utf-8', 'replace')} is not in the import's source")


def _join(directory: bytes, below: bytes) -> bytes:
    return b"/".join(part for part in (directory, below) if part)
