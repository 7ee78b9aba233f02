"""What `why`, `estimate` and `report` share: facts of the daemon that are nice to have, paths of a stage, and how places are told."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vfs.control.client import call, find_mounts
from vfs.control.registry import MountRecord
from vfs.errors import VfsError

if TYPE_CHECKING:
    from pathlib import Path

    from vfs.workspace import Snapshot

_ANSWER_SECONDS = 5.0

_SAMPLE = 1 << 20
"""Bytes that must have come for their rate to say more of the link than of how long requests took."""

Data = dict[str, Any]


def ask(mount: MountRecord | None, verb: str, args: Data | None = None) -> Data:
    """What a daemon says; nothing if there is none, or it is too old to know."""
    if mount is not None:
        with suppress(VfsError):
            return call(mount, verb, args or {}, timeout=_ANSWER_SECONDS)
    return {}


def mount_of(repo: str, mount: MountRecord | None) -> MountRecord | None:
    """The mount that was named, else one of the repository."""
    if mount is not None:
        return mount
    return next((record for record in find_mounts() if record.repo == repo), None)


def rates(mount: MountRecord | None) -> Mapping[str, Any]:
    """What a daemon has measured of fetching: of its periods, the last that tells how long a request takes, and the last that tells a rate."""
    found: dict[str, Any] = {}
    for period in reversed(ask(mount, "report").get("periods") or []):
        measured = dict(period.get("rates") or {})
        if (period.get("fetched") or {}).get("bytes", 0) < _SAMPLE:
            measured.pop("bytes_per_second", None)
        found = {name: value for name, value in measured.items() if value} | found
    return found


def of_stage(root: "Path", address: str, shown: "Snapshot") -> tuple[list[bytes], bool]:
    """The paths that a stage will read, and whether its last run told (else its declaration did).

    Of a run those files that it opened and that the snapshot has.
    """
    from vfs.pipeline.history import History
    from vfs.pipeline.tracing import kept
    from vfs.sandbox.trace import Touch

    with suppress(VfsError):
        trace = History.of(os.fsencode(root)).last_trace(address)
        if trace is not None:
            opened = kept(trace).of(Touch.OPENED)
            return [path for path in opened if _is_there(shown, path)], True
    return [path for path in _declared(root, address) if _is_there(shown, path)], False


def _declared(root: "Path", address: str) -> list[bytes]:
    from vfs.pipeline.stages import read_pipeline

    file, _, name = address.rpartition(":")
    stages = read_pipeline(root, os.fsencode(file or "dvc.yaml"))
    return [
        dep.path
        for stage in stages
        if name in (stage.definition.name, stage.definition.group)
        for dep in stage.definition.deps
        if dep.path is not None
    ]


def _is_there(shown: "Snapshot", path: bytes) -> bool:
    with suppress(VfsError):
        shown.resolve(path)
        return True
    return False
