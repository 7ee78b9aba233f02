"""Entries of a snapshot for programs and people."""

from typing import Any

from vfs.control.protocol import path_fields
from vfs.types import Entry, Kind
from vfs_cli.text import date

_KINDS = {
    Kind.FILE: ("file", "-rw-r--r--"),
    Kind.EXECUTABLE: ("executable", "-rwxr-xr-x"),
    Kind.SYMLINK: ("symlink", "lrwxrwxrwx"),
    Kind.DIRECTORY: ("directory", "drwxr-xr-x"),
    Kind.BROKEN: ("broken", "-?????????"),
}


def entry_fields(path: bytes, entry: Entry) -> dict[str, Any]:
    """One entry for JSON; `size` in bytes, `mtime` in seconds, null where there is none."""
    fields: dict[str, Any] = {**path_fields(path), **content_fields(entry)}
    fields["mtime"] = entry.mtime
    if entry.problem:
        fields["problem"] = entry.problem
    return fields


def content_fields(entry: Entry) -> dict[str, Any]:
    """What makes the content: kind, size, digest."""
    directory = entry.kind is Kind.DIRECTORY
    return {
        "kind": _KINDS[entry.kind][0],
        "size": None if directory or entry.kind is Kind.BROKEN else entry.size,
        "digest": None if entry.digest is None else str(entry.digest),
    }


def long_line(entry: Entry) -> str:
    """The columns of `ls -l` before the name: mode, size in bytes, date."""
    size = "-" if entry.kind in (Kind.DIRECTORY, Kind.BROKEN) else str(entry.size)
    return f"{_KINDS[entry.kind][1]} {size:>13} {date(entry.mtime)} "
