"""What a helper may be asked for, and what it refuses. Pure: no I/O.

Rule: a client says where, and no more than that counts; who they are is the kernel's word, and how a mount is made is the helper's.
"""

import os
from typing import Any, Final, NamedTuple

from vfs.control.protocol import path_of
from vfs.errors import AccessDenied, MountPointRefused, ProtocolError

PACKET: Final = 64 << 10
"""Bytes of a request or an answer, at most."""

MOST_READ_AHEAD: Final = 64 << 20
MOST_BACKGROUND: Final = 4096
"""No client gets more of the kernel's memory than this."""

_NAME_LIMIT: Final = 255
_SOURCE_LIMIT: Final = 1024
_SOURCE: Final = "vfs:"


class Policy(NamedTuple):
    """What an administrator allows.

    Attributes:
        directories: mount points are direct children of these; absolute.
        uids: who may ask.
        allow_other: mounts may be readable for all users.
    """

    directories: tuple[bytes, ...]
    uids: frozenset[int]
    allow_other: bool


class Order(NamedTuple):
    """A mount that may be made.

    Attributes:
        directory: one of the policy's.
        name: the child that is the mount point.
        source: shown as the mount's device.
        allow_other: every user may read it.
        noexec: no program on it may be run.
    """

    directory: bytes
    name: bytes
    source: bytes
    allow_other: bool
    noexec: bool


def order(args: dict[str, Any], policy: Policy) -> Order:
    """The mount that a request describes.

    Raises:
        MountPointRefused: it may not be there.
        AccessDenied: it may not be for everybody.
        ProtocolError: a field is not what it must be.
    """
    directory, name = _place(path_of(args), policy)
    allow_other = flag(args, "allow_other")
    if allow_other and not policy.allow_other:
        raise AccessDenied(
            "the helper lets nobody but their user read its mounts",
            hint="start it with --allow-other, or leave out -o allow_other",
        )
    return Order(directory, name, _source(args), allow_other, flag(args, "noexec"))


def bounded(args: dict[str, Any], name: str, most: int) -> int:
    """A number of a request, at most `most`. Raises ProtocolError: it is none."""
    value = args.get(name)
    if type(value) is not int or value < 0:
        raise ProtocolError(f"a request lacks the number {name!r}")
    return min(value, most)


def flag(args: dict[str, Any], name: str) -> bool:
    """A truth value of a request, false where it is missing. Raises ProtocolError: it is none."""
    value = args.get(name, False)
    if not isinstance(value, bool):
        raise ProtocolError(f"{name!r} must be true or false")
    return value


def options(fuse: int, uid: int, gid: int, *, allow_other: bool) -> bytes:
    """The mount's data for mount(2), as fuse(4) has it; nothing of a client's text is in it."""
    text = f"fd={fuse},rootmode=40000,user_id={uid},group_id={gid},default_permissions"
    return (text + (",allow_other" if allow_other else "")).encode()


def _place(path: bytes, policy: Policy) -> tuple[bytes, bytes]:
    directory, name = os.path.split(path)
    allowed = directory in policy.directories and name not in (b"", b".", b"..")
    if not allowed or len(name) > _NAME_LIMIT or b"\0" in name:
        places = ", ".join(os.fsdecode(place) for place in policy.directories)
        raise MountPointRefused(
            f"{os.fsdecode(path[:200])!r} is not directly below what the helper may mount on",
            hint=f"choose a name in {places}",
        )
    return directory, name


def _source(args: dict[str, Any]) -> bytes:
    source = args.get("source", _SOURCE)
    if not isinstance(source, str) or not source.startswith(_SOURCE):
        raise ProtocolError("the source of a mount must begin with 'vfs:'")
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in source).encode()[
        :_SOURCE_LIMIT
    ]
