"""What a command wrote: the upper directory of its view beside what lay below.

The upper directory has whatever the command put there, so nothing in it is followed: each name is looked at from its open directory, and only
regular files are opened.

Format: `Documentation/filesystems/overlayfs.rst`. A whiteout is a character device 0/0, or an empty file with `user.overlay.whiteout`; a directory
is opaque if `user.overlay.opaque` is `y`. A file that was opened for writing is there whole, also if nothing was written.
"""

import enum
import os
import stat
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

_PRIVATE: Final = b"user.overlay."
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_GIVEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE: Final = 1 << 20


class What(enum.Enum):
    """What became of a path. Times do not count."""

    CREATED = "created"
    MODIFIED = "modified"
    """Other bytes, another target, or another kind of file."""
    MODE = "mode"
    """The same content with another mode or owner."""
    DELETED = "deleted"


class Kind(enum.Enum):
    """What a path is; of one that was deleted, what it was."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    SPECIAL = "special"
    """A socket, pipe or device."""


@dataclass(frozen=True, slots=True)
class Change:
    """One path that is not as it was.

    Attributes:
        path: relative to the tree.
        what: what became of it.
        kind: what it is now.
        mode: its permissions now.
        size: of a file, in bytes.
        links: its names, in or out of the tree; a file that has more than one must not be renamed into a cache.
        replaced: a directory that was removed and made again, without all that had been in it: that is deleted one by one.
    """

    path: bytes
    what: What
    kind: Kind
    mode: int = 0
    size: int = 0
    links: int = 1
    replaced: bool = False


class _Layer(NamedTuple):
    """A directory below the upper one, open; `masked`: hidden paths are not in it."""

    number: int
    masked: bool


class _Known(NamedTuple):
    """What is not below, and when the command began; None if that is not known."""

    hidden: frozenset[bytes]
    since: int | None


@dataclass(slots=True)
class _Level:
    """A directory of the upper layer that is being read: its path with a slash, and what is left of its names."""

    path: bytes
    upper: int
    names: Iterator[bytes]
    lower: list[_Layer]

    def close(self) -> None:
        os.close(self.upper)
        for layer in self.lower:
            os.close(layer.number)


def changes(
    upper: bytes,
    tree: bytes,
    below: Iterable[bytes] = (),
    hide: Iterable[bytes] = (),
    *,
    since: int | None = None,
) -> Generator[Change, None, None]:
    """What differs, each directory before what is in it, names in the order of their bytes.

    The layers are those of the view: the working tree, the directories below it, and what those do not show. They must be as they were while the
    command ran; what came to the tree after `since` (`st_ctime_ns`), in a directory that the command made as well, is not taken for deleted. What was
    copied up, or made again, and is the same as before is no change.

    Raises:
        OSError: a directory or file cannot be read.
    """
    known = _Known(frozenset(hide), since)
    stack: list[_Level] = []
    try:
        top = _Level(b"", os.open(upper, _GIVEN), iter(()), [])
        stack.append(top)
        for number, path in enumerate((tree, *below)):
            top.lower.append(_Layer(os.open(path, _GIVEN), number > 0))
        top.names = iter(sorted(_listed(top.upper)))
        while stack:
            level = stack[-1]
            name = next(level.names, None)
            if name is None:
                stack.pop().close()
                continue
            change, deeper = _look(level, name, known)
            if deeper is not None:
                stack.append(deeper)
            if change is not None:
                yield change
    finally:
        for level in stack:
            level.close()


def strip(path: bytes) -> None:
    """Take away what the overlay wrote to a file or a directory and all in it, before it leaves the upper directory.

    An opaque directory would hide things in a later view. Raises OSError.
    """
    _strip(path)
    if os.path.isdir(path) and not os.path.islink(path):
        for _, directories, files, number in os.fwalk(path):
            for name in (*directories, *files):
                _strip(b"/proc/self/fd/%d/%s" % (number, os.fsencode(name)))


def _strip(path: bytes) -> None:
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        return
    names = os.listxattr(path, follow_symlinks=False)
    ours = [name for name in names if name.startswith(os.fsdecode(_PRIVATE))]
    mode = stat.S_IMODE(found.st_mode)
    closed = bool(ours) and not mode & stat.S_IWUSR  # attributes are written as contents are
    if closed:
        os.chmod(path, mode | stat.S_IWUSR)
    for name in ours:
        os.removexattr(path, name, follow_symlinks=False)
    if closed:
        os.chmod(path, mode)


def _look(level: _Level, name: bytes, known: _Known) -> tuple[Change | None, _Level | None]:
    """What became of one name, and the directory that is to be read next."""
    path = level.path + name
    before, at = _before(level, name, path, known)
    try:
        now = os.stat(name, dir_fd=level.upper, follow_symlinks=False)
    except FileNotFoundError:  # of an opaque directory: only below
        now = None
    if now is None or _is_whiteout(level.upper, name, now):
        if before is None:
            return None, None
        return Change(path, What.DELETED, _kind(before)), None
    if not stat.S_ISDIR(now.st_mode):
        what = _compare(level.upper, name, now, at, before)
        return what and _change(path, what, now), None
    deeper, replaced = _enter(level, name, path, known)
    what = _compare(level.upper, name, now, at, before) or (What.MODIFIED if replaced else None)
    return what and _change(path, what, now, replaced=replaced), deeper


def _before(
    level: _Level, name: bytes, path: bytes, known: _Known
) -> tuple[os.stat_result | None, int]:
    """What a name was, and the directory that had it."""
    for layer in level.lower:
        if layer.masked and path in known.hidden:
            break
        try:
            found = os.stat(name, dir_fd=layer.number, follow_symlinks=False)
        except FileNotFoundError:
            continue
        return found, layer.number
    return None, -1


def _enter(level: _Level, name: bytes, path: bytes, known: _Known) -> tuple[_Level, bool]:
    """The directory of a name with those that it was merged from; whether it replaces them and lacks what they had."""
    deeper = _Level(path + b"/", os.open(name, _DIRECTORY, dir_fd=level.upper), iter(()), [])
    try:
        for layer in level.lower:
            if layer.masked and path in known.hidden:
                break
            try:
                number = os.open(name, _DIRECTORY, dir_fd=layer.number)
            except FileNotFoundError:
                continue
            except OSError:  # no directory: it ends what is below it
                break
            deeper.lower.append(_Layer(number, layer.masked))
        names = set(_listed(deeper.upper))
        lost = set()
        if _attribute(deeper.upper, "opaque") == b"y":
            lost = _names(deeper, known) - names
    except BaseException:
        deeper.close()
        raise
    deeper.names = iter(sorted(names | lost))
    return deeper, bool(lost)


def _names(level: _Level, known: _Known) -> set[bytes]:
    """What was in a directory before the command ran."""
    found: set[bytes] = set()
    for layer in level.lower:
        for name in _listed(layer.number):
            if layer.masked:
                there = level.path + name not in known.hidden
            else:
                there = known.since is None or _changed(layer.number, name) <= known.since
            if there:
                found.add(name)
    return found


def _changed(directory: int, name: bytes) -> int:
    """When a name was made, or what it stands for was changed."""
    return os.stat(name, dir_fd=directory, follow_symlinks=False).st_ctime_ns


def _listed(number: int) -> list[bytes]:
    return os.listdir(b"/proc/self/fd/%d" % number)  # of the descriptor itself it gives text


def _compare(
    upper: int, name: bytes, now: os.stat_result, at: int, before: os.stat_result | None
) -> What | None:
    if before is None:
        return What.CREATED
    if stat.S_IFMT(now.st_mode) != stat.S_IFMT(before.st_mode):
        return What.MODIFIED
    if stat.S_ISREG(now.st_mode):
        same = now.st_size == before.st_size and _same_bytes(upper, at, name)
    elif stat.S_ISLNK(now.st_mode):
        same = os.readlink(name, dir_fd=upper) == os.readlink(name, dir_fd=at)
    else:
        same = now.st_rdev == before.st_rdev
    if not same:
        return What.MODIFIED
    if (now.st_mode, now.st_uid, now.st_gid) != (before.st_mode, before.st_uid, before.st_gid):
        return What.MODE
    return None


def _same_bytes(one: int, other: int, name: bytes) -> bool:
    """Whether two files of one size are the same; not if one of them may not be read."""
    numbers: list[int] = []
    try:
        numbers.append(os.open(name, _FILE, dir_fd=one))
        numbers.append(os.open(name, _FILE, dir_fd=other))
        at = 0
        while True:
            pieces = [os.pread(number, _PIECE, at) for number in numbers]
            if pieces[0] != pieces[1]:
                return False
            if not pieces[0]:
                return True
            at += len(pieces[0])
    except PermissionError:
        return False
    finally:
        for number in numbers:
            os.close(number)


def _is_whiteout(directory: int, name: bytes, now: os.stat_result) -> bool:
    if stat.S_ISCHR(now.st_mode):
        return now.st_rdev == os.makedev(0, 0)
    if not stat.S_ISREG(now.st_mode) or now.st_size:
        return False
    return _attribute(b"/proc/self/fd/%d/%s" % (directory, name), "whiteout") is not None


def is_opaque(path: bytes) -> bool:
    """Whether a directory of an upper layer, or what lies there, hides all that is below it."""
    return _attribute(path, "opaque") == b"y"


def _attribute(at: int | bytes, name: str) -> bytes | None:
    try:
        if isinstance(at, int):
            return os.getxattr(at, f"user.overlay.{name}")
        return os.getxattr(at, f"user.overlay.{name}", follow_symlinks=False)
    except OSError:  # there is none, or the file system has none
        return None


def _kind(found: os.stat_result) -> Kind:
    if stat.S_ISREG(found.st_mode):
        return Kind.FILE
    if stat.S_ISDIR(found.st_mode):
        return Kind.DIRECTORY
    return Kind.SYMLINK if stat.S_ISLNK(found.st_mode) else Kind.SPECIAL


def _change(path: bytes, what: What, now: os.stat_result, *, replaced: bool = False) -> Change:
    kind = _kind(now)
    size = now.st_size if kind is Kind.FILE else 0
    links = 1 if kind is Kind.DIRECTORY else now.st_nlink
    return Change(path, what, kind, stat.S_IMODE(now.st_mode), size, links, replaced)
