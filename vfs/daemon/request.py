"""What `vfs mount` hands to the daemon it starts: one JSON document, a line, on standard input.

Standard input stays open: its end is the end of who asked (`vfs.daemon.ending`).
"""

import json
from pathlib import Path
from typing import NamedTuple

from vfs.control.registry import MountOptions


class MountRequest(NamedTuple):
    """One mount to make.

    Attributes:
        repo: directory or URL of the repository.
        rev: revision to show.
        mountpoint: absolute, without symlinks.
        options: how to mount.
        foreground: keep the terminal's streams and log there as well.
        counted: what is read of each content is counted (`vfs.fs.counted`).
        report: inherited descriptor for progress and the outcome, one JSON document a line; -1 for none.
    """

    repo: str
    rev: str
    mountpoint: Path
    options: MountOptions
    foreground: bool = False
    counted: bool = False
    report: int = -1


def encode(request: MountRequest) -> bytes:
    """The request as a line of JSON."""
    document = request._asdict() | {
        "mountpoint": str(request.mountpoint),
        "options": request.options._asdict(),
    }
    return json.dumps(document).encode() + b"\n"


def decode(data: bytes) -> MountRequest:
    """Inverse of `encode`; trusts its input, which comes from our own process."""
    document = json.loads(data)
    options = document["options"]
    options["extra"] = tuple(options["extra"])
    options["settings"] = tuple((key, value) for key, value in options["settings"])
    document["options"] = MountOptions(**options)
    document["mountpoint"] = Path(document["mountpoint"])
    return MountRequest(**document)
