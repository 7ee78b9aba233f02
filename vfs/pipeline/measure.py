"""What lies at the paths that stages depend on and make: digests, as `vfs add` would record them.

Rules:

* A file whose fingerprint is known is not read (`vfs.state`); `warm` looks many up at once.
* What was measured is taken to stay so until `forget`.
* What leads to another path of the repository (`vfs.pipeline.leads`) is judged as that one if a stage depends on it.
* A symlink to a directory elsewhere, and what lies outside of the repository, is followed, and read each time.
"""

import os
import stat
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from vfs.errors import Unsupported
from vfs.formats.dirlisting import dump_listing
from vfs.formats.pointer_text import Described
from vfs.formats.values import Out
from vfs.objects import Fingerprint, fingerprint, hash_source
from vfs.pipeline.leads import Leads, absolute_of
from vfs.tracking.project import Project, told
from vfs.tracking.record import listing_digest, record
from vfs.tracking.scan import Scanner
from vfs.types import Algorithm, Digest

if TYPE_CHECKING:
    from vfs.pipeline.absent import NotHere


class Place(NamedTuple):
    """Where something lies: a path of the repository, or else an absolute one."""

    path: bytes | None
    absolute: bytes


class Measure:
    """Measures paths of one working tree.

    Attributes:
        absent: what is recorded and not here; None: nobody wants to know.
        lazy: commands find it all the same, so it counts as if it were here.
    """

    def __init__(
        self, project: Project, absent: "NotHere | None" = None, *, lazy: bool = True
    ) -> None:
        self.absent = absent
        self.lazy = lazy and absent is not None
        self._project = project
        self._known: dict[bytes, Described] = {}
        self._leads = Leads(project.top)

    def warm(self, paths: Iterable[bytes]) -> None:
        """Look the plain files among some paths up in the table of fingerprints."""
        project = self._project
        files: list[tuple[bytes, Fingerprint, bool]] = []
        for path in dict.fromkeys(paths):
            if path in self._known:
                continue
            try:
                found = os.lstat(project.absolute(path))
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode):
                files.append((path, fingerprint(found), bool(found.st_mode & 0o111)))
        asked = [(path, print_) for path, print_, _ in files]
        digests = project.state.digests(asked, Algorithm.MD5)
        for (path, print_, executable), digest in zip(files, digests, strict=True):
            if digest is not None:
                self._known[path] = Described(digest, size=print_.size, executable=executable)

    def forget(self, paths: Iterable[bytes] | None = None) -> None:
        """Measure again what is one of some paths, lies in one or has one in it; None: everything."""
        if self.absent is not None:
            self.absent.refresh()
        self._leads.forget()
        if paths is None:
            self._known.clear()
            return
        for path in paths:
            for known in list(self._known):
                one, other = known + b"/", path + b"/"
                if one.startswith(other) or other.startswith(one):
                    del self._known[known]

    def of(self, place: Place, old: Digest | None = None) -> Described | None:
        """What lies at a place; None if nothing does.

        Args:
            place: where.
            old: what is recorded of it: if it is in the form of DVC 2 and right, it stays so.

        Raises:
            DataUnavailable, UnsafePath: it cannot be read or tracked.
        """
        path = place.path
        if not os.path.exists(place.absolute):
            return self.recorded(place)
        if path is None or (os.path.islink(place.absolute) and os.path.isdir(place.absolute)):
            return _outside(os.path.realpath(place.absolute))
        if (self._project.form if old is None else old.algorithm) is not Algorithm.MD5:
            return record(self._project, path, old, store=False).content
        known = self._known.get(path)
        if known is None:
            known = self._file(path) or record(self._project, path, old, store=False).content
            self._known[path] = known
        return known

    def dep(self, place: Place, old: Digest | None = None) -> Described | None:
        """What a command finds at a place: as `of`, with what of it is recorded and not here. Raises as that; VfsError: a list that is needed cannot be had."""
        place = self.led(place)
        recorded = self.recorded(place)
        if recorded is None or place.path is None:
            return self.of(place, old)
        if old is None or old.algorithm is Algorithm.MD5 or self._lacks(place.path):
            return recorded
        return self.of(place, old)

    def led(self, place: Place) -> Place:
        """Where what a stage depends on is. An out that is declared beyond a symlink and not here is known by that name alone. Raises as `NotHere.pieces`."""
        path = self._leads.of(place.absolute)
        if path is None or path == place.path:
            return place
        if place.path is not None and self._lacks(place.path):
            if self._lacks(path):
                raise Unsupported(
                    f"of {told(place.path)}, which leads to {told(path)}, some is not here by both names",
                    hint=f"vfs pull {told(path)} brings it",
                )
            return place
        return Place(path, self._project.absolute(path))

    def _lacks(self, path: bytes) -> bool:
        return self.absent is not None and bool(self.absent.pieces(path))

    def recorded(self, place: Place) -> Described | None:
        """What is recorded of what is not here, if it counts as if it were. Raises VfsError."""
        if self.lazy and self.absent is not None and place.path is not None:
            return self.absent.of(place.path)
        return None

    def size(self, place: Place) -> int | None:
        """Bytes of what `dep` found and did not know the size of, since not all of it is here; None if nobody knows. Raises as that."""
        place = self.led(place)
        if not self.lazy or self.absent is None or place.path is None:
            return None
        return self.absent.size(place.path)

    def _file(self, path: bytes) -> Described | None:
        """A file; whoever names one means it, also if a `.dvcignore` hides it in its directory."""
        if not os.path.isfile(self._project.absolute(path)):
            return None
        scanner = self._project.scanner()
        for content in self._project.contents.of(scanner.files(path, hidden=True)):
            file = content.file
            return Described(content.digest, size=file.fingerprint.size, executable=file.executable)
        scanner.check()
        return None

    def is_recorded(self, out: Out) -> bool:
        """Whether what lies at the place of an out is what its pointer says, or nothing does."""
        found = self.dep(Place(out.path, self._project.absolute(out.path)), out.digest)
        return found is None or out.files is not None or found.digest == out.digest


def place_of(project: Project, wdir: bytes, written: str, path: bytes | None) -> Place:
    """Where a dep or out lies that is at no URL."""
    return Place(path, absolute_of(project.top, wdir, written, path))


def _outside(absolute: bytes) -> Described:
    """A file or directory anywhere."""
    if not os.path.isdir(absolute):
        digest, found = hash_source(absolute, follow=True)
        executable = bool(os.stat(absolute).st_mode & 0o111)
        return Described(digest, size=found.size, executable=executable)
    scanner = Scanner(absolute, b"", frozenset())
    entries: list[tuple[bytes, Digest]] = []
    size = 0
    for file in scanner.files(b""):
        digest, found = hash_source(os.path.join(absolute, file.path), follow=file.link)
        entries.append((file.path, digest))
        size += found.size
    scanner.check()
    listing = dump_listing(entries)
    return Described(listing_digest(listing, Algorithm.MD5), True, size, len(entries))
