"""Deps at URLs (`https://`, `s3://`, `remote://NAME/…`): nothing of them is fetched, their storage says whether they changed.

Rule (DVC's): an ETag (HTTP calls it `checksum`), of a directory the MD5 of the list of ETags; where a storage has none (SSH), the content is
read and hashed. Asked anew each time: it may change while a command runs. Loads the drivers of remotes.
"""

from typing import Any

from vfs.errors import ObjectMissing, UnknownPath
from vfs.formats.stage_values import LockedItem
from vfs.sharing.urls import content_at
from vfs.tracking.project import Project
from vfs.types import Algorithm, Digest


def item_at(project: Project, file: bytes, url: str) -> LockedItem | None:
    """What a lock says of a URL now; None if nothing lies there.

    Args:
        project: whose remotes are known.
        file: that declares the stage.
        url: as written.

    Raises:
        UsageError: it names no file or directory.
        RemoteError: its storage does not answer, or refuses.
    """
    try:
        fields = content_at(project, url, file)
    except (ObjectMissing, UnknownPath):
        return None
    md5 = str(fields.get("md5", ""))
    digest = Digest(Algorithm.MD5, bytes.fromhex(md5.removesuffix(".dir"))) if md5 else None
    rest: dict[str, Any] = {key: fields[key] for key in ("etag", "checksum") if key in fields}
    if digest is None:
        rest["hash"] = "md5"
    return LockedItem(
        url, digest, md5.endswith(".dir"), fields.get("size"), fields.get("nfiles"), rest=rest
    )
