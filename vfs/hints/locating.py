"""Which mount a path belongs to, and what its files are called there.

Rule: names are compared as text; the file system is asked once, and only if the directory is reached through a symbolic link.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vfs.control.registry import MountRecord, find_mount

Name = str | bytes | os.PathLike[Any]
Namer = Callable[[Name], str]


def locate(place: Name) -> tuple[MountRecord, Namer]:
    """The mount that a directory is or lies in, and a function that says what a path is called there.

    Raises:
        NoSuchMount: none of this user is there.
        ConfigError: the directory with the records of mounts cannot be used.
    """
    given = os.path.abspath(os.fsdecode(place))
    mount = find_mount(given, Path.cwd())
    return mount, namer(given, str(mount.mountpoint))


def namer(given: str, top: str) -> Namer:
    """See `locate`.

    Paths may be absolute, or relative to the directory. One that leads elsewhere is called "", which no mount has.

    Args:
        given: the directory, which is or lies in the mount.
        top: the mount.
    """
    real = given if _below(given, top) is not None else os.path.realpath(given)
    head = _head(_below(real, top) or "")
    link, behind = (top, top) if real == given else _link(given, real, top)
    linked = _head(_below(behind, top) or "")

    def name(path: Name) -> str:
        text = os.fsdecode(path)
        if not text.startswith("/"):
            relative: str | None = head + text
        elif (relative := _below(text, top)) is None and (below := _below(text, link)) is not None:
            relative = linked + below
        if relative is None or "\0" in relative:
            return ""
        if "./" in relative or "//" in relative or relative.endswith(("/", "/.", "/..")):
            relative = os.path.normpath(relative)
        return "" if relative.startswith("../") else relative

    return name


def _link(given: str, real: str, top: str) -> tuple[str, str]:
    """The link through which a directory of the mount is reached, and the directory behind it."""
    while real != top:
        above, up = os.path.dirname(given), os.path.dirname(real)
        if os.path.realpath(above) != up:
            break
        given, real = above, up
    return given, real


def _head(inside: str) -> str:
    return inside + "/" if inside else ""


def _below(path: str, directory: str) -> str | None:
    """A path relative to a directory, if it is that or lies in it; compared as text."""
    if path == directory:
        return ""
    head = _head(directory) if directory != "/" else directory
    return path[len(head) :] if path.startswith(head) else None
