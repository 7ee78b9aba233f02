"""Which paths a snapshot may contain.

Purpose: pointers, listings and Git trees come from strangers. Every name that may reach the
kernel, and every place a pointer claims for its data, passes through here.

Rule: a path is `bytes`, relative to the repository, components separated by one `/`, no
leading or trailing slash; the root is `b""`. A component is not empty, not `.` or `..`, holds
neither `/` nor NUL and has at most 255 bytes (`NAME_MAX`). A whole path has at most 4095 bytes
(`PATH_MAX` without its NUL).

`.git` is refused at every depth, in every spelling that Git itself refuses because some file
system folds it to `.git`: any letter case, NTFS short name and trailing dots, spaces or streams
(`git~1`, `.git. `, `.git::$DATA`), HFS+ with ignorable code points. A user who runs Git inside
a mount would otherwise execute what a pointer put there. Source: Git's `path.c`
(`is_ntfs_dotgit`) and `utf8.c` (`is_hfs_dotgit`).

`.dvc` is refused at every depth and `.vfs` at the top, in any case, for places that a *pointer*
names (`check_path`); Git's own trees may hold them (`check_component`).

Invariant: pure; no function here raises anything but `UnsafePath`.
"""

import re

from vfs.errors import UnsafePath

MAX_NAME = 255
MAX_PATH = 4095

# Code points that HFS+ ignores when it compares names (Git: utf8.c, next_hfs_char).
_HFS_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
# What may follow `.git` or `git~1` so that NTFS still opens `.git` (Git: is_ntfs_dotgit).
_NTFS_DOTGIT = re.compile(rb"(?:\.git|git~1)(?:[ .]*\Z|[ .]*[:\\])", re.IGNORECASE)
# A path of which every component is certainly harmless: the cheap answer for nearly all. It
# starts with no dot and nothing HFS+ ignores (lead bytes E2, EF), and has no `~`.
_HARMLESS = re.compile(
    rb"(?:[A-Za-z0-9_\x80-\xe1\xe3-\xee\xf0-\xff][^/\0~]{0,199}+(?:/(?!\Z)|\Z))+\Z", re.DOTALL
)
# At most this many characters of a refused name are repeated in a message.
_SHOWN = 80


def check_component(name: bytes) -> None:
    """Accept `name` as one path component of a snapshot.

    Raises:
        UnsafePath: the name is empty, `.`, `..`, too long, holds `/` or NUL, or means `.git`.
    """
    reason = _reason(name)
    if reason:
        raise UnsafePath(f"{show(name)} {reason}")


def check_path(path: bytes) -> bytes:
    """Accept `path` as a place for tracked data and return it.

    Raises:
        UnsafePath: empty, absolute, too long, a bad component, or inside `.git`/`.dvc`/`.vfs`.
    """
    if _harmless(path):
        return path
    if not path:
        raise UnsafePath("the path is empty or names the repository itself")
    if path.startswith(b"/"):
        raise UnsafePath(f"{show(path)} is absolute, expected a path inside the repository")
    if len(path) > MAX_PATH:
        raise UnsafePath(f"{show(path)} has {len(path)} bytes, at most {MAX_PATH} are possible")
    components = path.split(b"/")
    for component in components:
        reason = _reason(component)
        if reason:
            raise UnsafePath(f"{show(path)}: component {show(component)} {reason}")
    reserved = _reserved(components)
    if reserved:
        raise UnsafePath(f"{show(path)} lies inside {reserved}, which data may not enter")
    return path


def check_listed(path: bytes) -> bytes:
    """Accept `path` as a file *inside* a tracked directory; like `check_path`, but `.vfs` is a plain name.

    Raises:
        UnsafePath: as for `check_path`.
    """
    if path.split(b"/", 1)[0].lower() == b".vfs":
        check_path(b"_/" + path)
        return path
    return check_path(path)


def resolve_relative(base: bytes, rel: str) -> bytes:
    """Join a path written in a pointer to the directory it is relative to.

    `.` and empty components vanish, `..` climbs, a trailing slash is dropped. The result may be
    `b""` (the repository root: fine for `wdir`, refused by `check_path` for data).

    Args:
        base: a repository directory, `b""` for the root.
        rel: the text as written; POSIX separators (a backslash is an ordinary character, as it
            is for DVC on Linux).

    Raises:
        UnsafePath: absolute, above the repository root, not encodable, or a bad component.
    """
    try:
        raw = rel.encode()
    except UnicodeEncodeError:
        raise UnsafePath(f"{rel[:_SHOWN]!a} cannot be written as UTF-8") from None
    if raw.startswith(b"/"):
        raise UnsafePath(f"{show(raw)} is absolute, expected a path inside the repository")
    if len(raw) > MAX_PATH:
        raise UnsafePath(f"{show(raw)} has {len(raw)} bytes, at most {MAX_PATH} are possible")
    components = base.split(b"/") if base else []
    for component in raw.split(b"/"):
        if component == b"..":
            if not components:
                raise UnsafePath(f"{show(raw)} leads out of the repository")
            components.pop()
        elif component not in (b"", b"."):
            reason = _reason(component)
            if reason:
                raise UnsafePath(f"{show(raw)}: component {show(component)} {reason}")
            components.append(component)
    return b"/".join(components)


def show(path: bytes) -> str:
    """A path for a message: quoted, printable, of bounded length."""
    text = path[: _SHOWN + 1].decode("utf-8", "backslashreplace")
    if len(path) > _SHOWN:
        text = text[:_SHOWN] + "…"
    return "'" + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text) + "'"


def is_dotgit(name: bytes) -> bool:
    """Whether some file system would open `.git` for this component."""
    if _NTFS_DOTGIT.match(name):
        return True
    if name.isascii():
        return False
    text = name.decode("utf-8", "replace")
    return _HFS_IGNORED.sub("", text).lower() == ".git"


def _harmless(path: bytes) -> bool:
    return len(path) <= MAX_PATH and _HARMLESS.match(path) is not None


def _reason(name: bytes) -> str:
    """Why `name` is no valid component; empty if it is."""
    if name in (b"", b".", b".."):
        return "is no file name"
    if len(name) > MAX_NAME:
        return f"has {len(name)} bytes, a name has at most {MAX_NAME}"
    if b"\0" in name:
        return "holds a NUL byte"
    if b"/" in name:
        return "holds a slash"
    if is_dotgit(name):
        return "is a spelling of .git"
    return ""


def _reserved(components: list[bytes]) -> str:
    if _plain(components[0]) == b".vfs":
        return ".vfs"
    return ".dvc" if any(_plain(c) == b".dvc" for c in components) else ""


def _plain(name: bytes) -> bytes:
    """The name as a case-folding file system that drops trailing dots and ignorables sees it."""
    if not name.isascii():
        name = _HFS_IGNORED.sub("", name.decode("utf-8", "replace")).encode()
    return name.split(b":", 1)[0].rstrip(b" .").lower()
