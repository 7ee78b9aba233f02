"""`dvc import`: data that belongs to another Git repository.

The own DVC cache comes first (`dvc pull` puts imported data there). Otherwise the leaf is what the
source's own snapshot has at that path and commit, with the source's own caches and remotes; so an
import of an import, of files Git tracks, or without a hash works the same way. Only if the source
cannot be reached are the own remotes asked.

Bounds: `MAX_DEPTH` repositories deep; a repository that leads back to itself at the same commit
and path is refused. Trust: a repository that was cloned from a URL may not import from local paths
(it could read any repository of the user's into the mount).
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from vfs.errors import DataUnavailable, UnknownPath, Unsupported, VfsError
from vfs.formats.values import ImportSource, Out
from vfs.transfer import Place
from vfs.types import Blob, Digest, Entry, Kind, Problem
from vfs.workspace.directory import Directory
from vfs.workspace.graft_outs import Grafted, OutGrafter
from vfs.workspace.listings import Listings
from vfs.workspace.origins import DvcOrigin, ImportOrigin, ImportRef
from vfs.workspace.outs import Claim
from vfs.workspace.places import DeferredPlace, dvc_places
from vfs.workspace.pointers import Progress
from vfs.workspace.session import Session
from vfs.workspace.stores import DvcStore

MAX_DEPTH = 8
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/@:]+@[^/:]+:|[^/@:.]+:(?!/?$)")


class Trail(NamedTuple):
    """The imports that led here, outermost first."""

    steps: tuple[ImportRef, ...] = ()

    def further(self, ref: ImportRef) -> "Trail":
        """One step more.

        Raises:
            Unsupported: it is too deep, or leads in a circle.
        """
        if any(
            (s.url, s.revision, s.path) == (ref.url, ref.revision, ref.path) for s in self.steps
        ):
            raise Unsupported(f"the import of {_text(ref)} leads back to itself")
        if len(self.steps) >= MAX_DEPTH:
            raise Unsupported(f"imports are nested more than {MAX_DEPTH} repositories deep")
        return Trail((*self.steps, ref))


class Source(NamedTuple):
    """What an import's source has at the imported path."""

    found: Entry | Directory


OpenSource = Callable[[ImportRef, Trail], Source]
"""Builds the source's snapshot of the path; raises a VfsError."""


class ImportGrafter:
    """Makes leaves of `dvc import` outs of one snapshot."""

    def __init__(
        self,
        session: Session,
        grafter: OutGrafter,
        listings: Listings,
        open_source: OpenSource,
        base: "Base",
        trail: Trail,
        time: int,
        progress: Progress,
    ) -> None:
        self._session = session
        self._grafter = grafter
        self._listings = listings
        self._open_source = open_source
        self._base = base
        self._trail = trail
        self._time = time
        self._progress = progress

    def graft(self, claim: Claim, store: DvcStore) -> Grafted:
        """The leaf of a claim.

        Raises:
            VfsError: why there is none.
        """
        source = claim.source
        assert isinstance(source, ImportSource)
        ref = self._base.reference(source)
        out = claim.out
        if out.digest is not None:
            own = self._own(out, store, ref, local_only=True)
            if own is not None:
                return own
        try:
            self._progress("import", 0, None)
            found = self._open_source(ref, self._trail).found
            return Grafted(self._fitting(out, found, ref))
        except DataUnavailable:
            raise  # the source answered: it has something else
        except VfsError as error:
            own = self._own(out, store, ref, local_only=False) if out.digest is not None else None
            if own is None:
                raise
            message = f"the source of this import cannot be reached: {error.message}"
            hint = (
                error.hint
                or "mend its URL in the pointer; nobody but this repository's own caches and remotes is asked for the content"
            )
            problem = Problem(out.path, "import-source", message, hint)
            return own._replace(problems=(*own.problems, problem))

    def _own(
        self, out: Out, store: DvcStore, ref: ImportRef, *, local_only: bool
    ) -> Grafted | None:
        """The leaf from the repository's own objects, None if they are not (all) there."""
        assert out.digest is not None
        objects = DvcOrigin(store, out.remote)
        if not out.is_tree:
            held = _held(store, self._session, objects, out)
            if local_only and not held:
                return None
            try:
                return Grafted(self._grafter.file(out, store, ImportOrigin(objects, ref)))
            except DataUnavailable:
                return None
        try:
            listing = self._listings.get(
                out.digest, store, out.remote, self._time, self._progress, local_only=local_only
            )
        except VfsError:
            return None
        if listing.missing:
            return None
        return self._grafter.tree(out.path, listing, lambda tree: ImportOrigin(objects, ref, tree))

    def _fitting(self, out: Out, found: Entry | Directory, ref: ImportRef) -> Entry | Directory:
        """What the source has, if it is what the pointer says.

        Raises:
            DataUnavailable: it is something else.
        """
        if isinstance(found, Directory):
            if out.digest is not None and not out.is_tree:
                raise DataUnavailable(f"{_text(ref)} is a directory, the pointer says a file")
            return found
        if found.kind is Kind.BROKEN or found.digest is None:
            raise DataUnavailable(f"{_text(ref)} cannot be served: {found.problem}")
        if out.digest is not None and out.is_tree:
            raise DataUnavailable(f"{_text(ref)} is a file, the pointer says a directory")
        if _contradicts(out.digest, found.digest):
            raise DataUnavailable(
                f"{_text(ref)} has {found.digest}, the pointer says {out.digest}",
                hint="run `dvc update` and commit the pointer",
            )
        return found._replace(name=out.path.rpartition(b"/")[2])


class Base(NamedTuple):
    """The importing repository.

    Attributes:
        git_dir: its Git directory.
        root: where relative URLs start; None if local sources may not be used.
    """

    git_dir: str
    root: Path | None

    def reference(self, source: ImportSource) -> ImportRef:
        """The source as a value.

        Raises:
            Unsupported: it may not be used from here.
        """
        url = source.url
        if not _REMOTE.match(url):
            if self.root is None:
                raise Unsupported(
                    "a repository that was cloned from a URL may not import from a local path",
                    hint="clone the repository yourself and mount the clone",
                )
            url = os.path.normpath(self.root / url)
        elif url.lower().startswith("file:") and self.root is None:
            raise Unsupported("a repository that was cloned from a URL may not import from file://")
        config = source.config if isinstance(source.config, dict) else {}
        remote = source.remote
        if isinstance(remote, dict):
            config = {**config, "remote": {**_section(config, "remote"), _ADHOC: remote}}
            remote = _ADHOC
        return ImportRef(
            self.git_dir,
            url,
            source.rev_lock or source.rev or "",
            source.path.strip("/").encode("utf-8", "surrogateescape"),
            tuple(sorted(_flat(config))),
            remote.lower() if remote else None,
        )


_ADHOC = "import"


def _section(config: dict[str, object], name: str) -> dict[str, object]:
    value = config.get(name)
    return dict(value) if isinstance(value, dict) else {}


def _flat(config: dict[str, object]) -> list[tuple[str, str, str, str]]:
    """Nested configuration entries as (section, name, option, value); others are left out."""
    found = []
    for section, values in config.items():
        for key, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, dict):
                found += [
                    (section, str(key), str(option), str(item)) for option, item in value.items()
                ]
            else:
                found.append((section, "", str(key), str(value)))
    return found


def nested(flat: tuple[tuple[str, str, str, str], ...]) -> dict[str, dict[str, object]]:
    """Inverse of flattening: a configuration layer."""
    config: dict[str, dict[str, object]] = {}
    for section, name, option, value in flat:
        target = config.setdefault(section, {})
        if name:
            below = target.setdefault(name, {})
            assert isinstance(below, dict)
            below[option] = value
        else:
            target[option] = value
    return config


def import_places(
    session: Session,
    origin: ImportOrigin,
    blob: Blob,
    find: Callable[[ImportRef, bytes], list[Place]],
) -> list[Place]:
    """The own caches and remotes, then the source.

    `find(ref, path)` gives the places of the file at a path below the source.
    """

    def of_source() -> list[Place]:
        below = b""
        if origin.tree:
            path = session.path_in_tree(origin.tree, blob.digest)
            if path is None:
                raise UnknownPath("the imported directory has no such content")
            below = path
        return find(origin.source, below)

    own = dvc_places(session, origin.objects, blob)
    source = DeferredPlace(f"import:{_text(origin.source)}", of_source)
    caches = [place for place in own if place.local]
    return [*caches, source, *(place for place in own if not place.local)]


def _held(store: DvcStore, session: Session, objects: DvcOrigin, out: Out) -> bool:
    """Whether a cache has the file (its size is learned elsewhere)."""
    assert out.digest is not None
    from vfs.formats.layout import object_path

    return any(os.path.isfile(os.path.join(c, object_path(out.digest))) for c in store.caches)


def _contradicts(recorded: Digest | None, found: Digest) -> bool:
    return recorded is not None and recorded.algorithm is found.algorithm and recorded != found


def _text(ref: ImportRef) -> str:
    from vfs.workspace.urls import shown_url

    path = ref.path.decode("utf-8", "backslashreplace")
    return f"{path or '/'} of {shown_url(ref.url)} at {ref.revision[:12] or 'HEAD'}"
