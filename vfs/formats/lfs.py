"""Git LFS pointers, version 1.

Source: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md and `lfs/pointer.go`.

Rules: at most 1023 bytes of UTF-8; `version` first, then `oid sha256:<64 hex>`, then `size`, one
`key value` per line. As git-lfs does, CRLF line ends, a missing last line end and the two early
version URLs are accepted. A pointer with extensions (`ext-0-…`) is not: its object is not the
file's content.
"""

import re

from vfs.types import Algorithm, Blob, Digest

MAX_BYTES = 1023

_VERSIONS = (
    b"https://git-lfs.github.com/spec/v1",
    b"https://hawser.github.com/spec/v1",
    b"http://git-media.io/v/2",
)
_POINTER = re.compile(
    rb"version (" + b"|".join(map(re.escape, _VERSIONS)) + rb")\r?\n"
    rb"oid sha256:([0-9a-f]{64})\r?\n"
    rb"size (0|[1-9][0-9]{0,18})(?:\r?\n)?"
)


def parse_lfs_pointer(data: bytes) -> Blob | None:
    """What an LFS pointer names; None if `data` is no pointer (then it is plain content)."""
    if len(data) > MAX_BYTES:
        return None
    match = _POINTER.fullmatch(data)
    if match is None:
        return None
    size = int(match[3])
    if size >= 1 << 63:
        return None
    return Blob(Digest(Algorithm.SHA256, bytes.fromhex(match[2].decode())), size)
