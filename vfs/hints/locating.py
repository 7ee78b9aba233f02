"""Which mount a path belongs to, and what its files are called there. Nothing here looks at the mount itself."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vfs.control.registry import MountRecord, find_mount

Name = str | bytes | os.PathLike[Any]
Namer = Callable[[Name], str]


def locate(place: Name) -> tuple[MountRecord, Namer]:
    """The mount that a directory is or lies in, and a function that says what a path is called there.

    Paths may be absolute, or relative to the directory. One that leads elsewhere is called "", which no mount has.

    Raises:
        NoSuchMount: none of this user is there.
        ConfigError: the directory with the records of mounts cannot be used.
    """
    given = os.path.abspath(os.fsdecode(place))
    mount = find_mount(given, Path.cwd())
    top = str(mount.mountpoint)
    real = given if _below(given, top) is not None else os.path.realpath(given)
    inside = _below(real, top) or ""
    head = inside + "/" if inside else ""

    def name(path: Name) -> str:
        text = os.fsdecode(path)
        if not text.startswith("/"):
            relative: str | None = head + text
        elif (relative := _below(text, given)) is not None:
            relative = head + relative
        else:
            relative = _below(text, top)
        if relative is None or "\0" in relative:
            return ""
        if "./" in relative or "//" in relative or relative.endswith(("/", "/.", "/..")):
            relative = os.path.normpath(relative)
        return "" if relative.startswith("../") else relative

    return mount, name


def _below(path: str, directory: str) -> str | None:
    """A path relative to a directory, if it is that or lies in it; compared as text."""
    if path == directory:
        return ""
    head = directory if directory.endswith("/") else directory + "/"
    return path[len(head) :] if path.startswith(head) else None
