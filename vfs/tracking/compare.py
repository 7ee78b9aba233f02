"""What a checkout of one out has to do: the recorded content against what lies there. Changes nothing.

Rules:

* A file with the recorded content stays as it is.
* A file with other content is replaced only if its content is in the cache, be it in the form of DVC 2 or of DVC 3; else
  it is the user's.
* A file that the record does not have is removed only if the version that was there before had it, with this content, and
  the cache has it; else it stays, unless it is in the way. With `force` it goes.
* Whatever is no file (a pipe, a symlink that leads nowhere) is the user's, as is the place of a mount of vfs.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vfs.mount_table import is_on
from vfs.objects import Fingerprint, hash_source
from vfs.objects.incoming import names_in
from vfs.tracking.caches import Caches
from vfs.tracking.contents import Content
from vfs.types import Algorithm, Digest

_OTHER: Final = {
    Algorithm.MD5: Algorithm.MD5_DOS2UNIX,
    Algorithm.MD5_DOS2UNIX: Algorithm.MD5,
}


class Wish(NamedTuple):
    """The recorded content of a path.

    Attributes:
        digest: of it.
        executable: whether its owner may execute it.
        size: bytes, if that is recorded.
    """

    digest: Digest
    executable: bool = False
    size: int | None = None


class Present(NamedTuple):
    """A file that is to go.

    Attributes:
        path: of the working tree.
        fingerprint: it still must have then.
        link: whether it is a symlink.
        only: what it holds, if no cache has that: it goes into one instead.
    """

    path: bytes
    fingerprint: Fingerprint
    link: bool
    only: Digest | None = None


@dataclass(slots=True)
class Plan:
    """What is to be done; paths are of the working tree.

    Attributes:
        place: files to make, and what they hold.
        replaced: files that are in their places now.
        remove: files that the record no longer has.
        modes: files whose executable bit is to be set, or taken away.
        same: files that stay.
        kept: files of the user's that stay beside the recorded ones.
        users: what only `force` may replace or remove.
        missing: files whose object no cache has.
    """

    place: dict[bytes, Wish] = field(default_factory=dict)
    replaced: dict[bytes, Present] = field(default_factory=dict)
    remove: list[Present] = field(default_factory=list)
    modes: dict[bytes, bool] = field(default_factory=dict)
    same: int = 0
    kept: list[bytes] = field(default_factory=list)
    users: list[bytes] = field(default_factory=list)
    missing: list[bytes] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        """Nothing is to be done."""
        return not (self.place or self.remove or self.modes)

    def leave_missing(self) -> list[bytes]:
        """Let the files whose object no cache has be as they are; which these are."""
        left, self.missing = self.missing, []
        for path in left:
            del self.place[path]
            self.replaced.pop(path, None)
        self.users = [path for path in self.users if path not in set(left)]
        return left


class Comparison:
    """Compares one out.

    Args:
        top: the working tree, absolute.
        mounts: of vfs, below it.
        caches: of the out.
        wishes: path of the working tree -> recorded content.
        before: what the versions that may be there have; asked for only if something is surplus.
        meant: whether a surplus path belongs to what is checked out.
        relink: the kind of link that files are to be, whatever they are now; None: they may be any.
        force: nothing is the user's.
    """

    def __init__(
        self,
        top: bytes,
        mounts: Set[bytes],
        caches: Caches,
        wishes: Mapping[bytes, Wish],
        before: Callable[[], Mapping[bytes, Set[Digest]]],
        meant: Callable[[bytes], bool],
        *,
        relink: str | None = None,
        force: bool = False,
    ) -> None:
        self._top = top
        self._caches = caches
        self._wishes = wishes
        self._before = before
        self._meant = meant
        self._relink = relink
        self._force = force
        self._mounts = mounts
        self._former: Mapping[bytes, Set[Digest]] | None = None
        self._forms = Forms(top, caches)
        self._parents: dict[bytes, tuple[bool, bool]] = {}  # there; nothing is in the way
        self.plan = Plan()

    def run(self, contents: Iterable[Content]) -> Plan:
        """Compare with what lies there."""
        plan = self.plan
        seen = set()
        for content in contents:
            path = content.file.path
            seen.add(path)
            wish = self._wishes.get(path)
            if wish is None:
                self._surplus(content)
            elif content.digest == wish.digest and not self._other_kind(content):
                self._same(content, wish)
            else:
                self._differs(content, wish)
        gone = {present.path for present in plan.remove}
        for path, wish in self._wishes.items():
            if path not in seen:
                plan.place[path] = wish
                if not self._free(path, gone):
                    self._in_the_way(path)
        holder = self._caches.holder
        plan.missing = [p for p, w in plan.place.items() if holder(w.digest, size=w.size) is None]
        return plan

    def _same(self, content: Content, wish: Wish) -> None:
        self.plan.same += 1
        file = content.file
        if file.executable != wish.executable and wish.executable and not file.link:
            self.plan.modes[file.path] = wish.executable

    def _differs(self, content: Content, wish: Wish) -> None:
        path = content.file.path
        self.plan.place[path] = wish
        self.plan.replaced[path] = self._present(content)
        if not self._force and not self._elsewhere(content):
            self.plan.users.append(path)

    def _surplus(self, content: Content) -> None:
        path = content.file.path
        if not self._meant(path):
            return
        if self._former is None:
            self._former = self._before()
        former = self._former.get(path, frozenset())
        present = self._present(content)
        if self._force or (former and self._elsewhere(content, former)):
            self.plan.remove.append(present)
        elif former:
            self.plan.users.append(path)  # the user changed what this version does not have
            self.plan.remove.append(present)
        else:
            self.plan.kept.append(path)

    def _present(self, content: Content) -> Present:
        file, digest = content.file, content.digest
        only = self._caches.only_at_home(digest, file.fingerprint.size) and not file.link
        return Present(file.path, file.fingerprint, file.link, digest if only else None)

    def _elsewhere(self, content: Content, former: Set[Digest] | None = None) -> bool:
        """Whether the cache has what a file holds; with `former`, as one of these."""
        size = content.file.fingerprint.size
        return any(
            (former is None or digest in former) and self._caches.elsewhere(digest, size)
            for digest in self._forms.names(content)
        )

    def _free(self, path: bytes, gone: set[bytes]) -> bool:
        """Whether nothing is at a path, or only what goes before."""
        if is_on(path, self._mounts) or any(is_on(point, {path}) for point in self._mounts):
            return False
        parent = path.rpartition(b"/")[0]
        known = self._parents.get(parent)
        if known is None:
            there = os.path.isdir(os.path.join(self._top, parent))
            known = self._parents[parent] = there, self._makeable(path, gone)
        there, makeable = known
        if there:
            absolute = os.path.join(self._top, path)
            try:
                mode = os.lstat(absolute).st_mode
            except OSError:
                return makeable
            return stat.S_ISDIR(mode) and all(
                os.path.relpath(found, self._top) in gone for found in _files_below(absolute)
            )
        return makeable

    def _makeable(self, path: bytes, gone: set[bytes]) -> bool:
        """Whether nothing is in the way above a path."""
        return blocking(self._top, path) in (path, *gone)

    def _in_the_way(self, path: bytes) -> None:
        absolute = os.path.join(self._top, path)
        if not self._force or is_on(path, self._mounts) or os.path.isdir(absolute):
            self.plan.users.append(path)

    def _other_kind(self, content: Content) -> bool:
        """Whether a file is to be linked anew."""
        if self._relink is None or not content.file.fingerprint.size:
            return False
        if self._relink == "reflink":
            return True  # nothing tells a clone from a copy
        if self._relink == "symlink" or content.file.link:
            return content.file.link != (self._relink == "symlink")
        cache = self._caches.holder(content.digest)
        linked = cache is not None and (
            os.stat(cache.path(content.digest)).st_ino == content.file.fingerprint.inode
        )
        return linked != (self._relink == "hardlink")


class Forms:
    """What contents of a working tree are called in the forms of DVC 2 and DVC 3.

    Args:
        top: the working tree, absolute.
        caches: of an out.
    """

    def __init__(self, top: bytes, caches: Caches) -> None:
        self._top = top
        self._caches = caches
        self._has: dict[Algorithm, bool] | None = None

    def names(self, content: Content) -> Iterator[Digest]:
        """The digest of a content, then what the other form of DVC calls the same bytes, if the cache has such objects."""
        yield content.digest
        other = _OTHER[content.digest.algorithm]
        if not self._has_form(other):
            return
        file = content.file
        digest, found = hash_source(os.path.join(self._top, file.path), other, follow=file.link)
        cache = self._caches.holder(digest)
        if cache is None or found != file.fingerprint:
            return
        # The old form does not tell line ends apart.
        if other is Algorithm.MD5 or hash_source(cache.path(digest))[0] == content.digest:
            yield digest

    def _has_form(self, algorithm: Algorithm) -> bool:
        if self._has is None:
            names = {name for cache in self._caches.all for name in names_in(cache.directory)}
            self._has = {
                Algorithm.MD5: "files" in names,
                Algorithm.MD5_DOS2UNIX: any(len(name) == 2 for name in names),
            }
        return self._has[algorithm]


def blocking(top: bytes, path: bytes) -> bytes:
    """What lies above a path and is no directory; the path itself if nothing does."""
    for above in reversed(list(_above(path))):
        there = os.path.join(top, above)
        if os.path.islink(there) or (os.path.lexists(there) and not os.path.isdir(there)):
            return above
    return path


def _above(path: bytes) -> Iterator[bytes]:
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path


def _files_below(directory: bytes) -> Iterator[bytes]:
    """Everything below a directory that is no directory, also what `Scanner` leaves out: all of it would be lost."""
    for parent, directories, files in os.walk(directory):
        yield from (os.path.join(parent, name) for name in files)
        for name in directories:
            if os.path.islink(full := os.path.join(parent, name)):
                yield full
