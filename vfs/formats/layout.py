"""Where an object lies below the root of a DVC cache, a DVC remote or a Git LFS store.

Rules:
  * DVC 3 (plain MD5): `files/md5/ab/cdef…`; DVC <= 2 (md5-dos2unix): `ab/cdef…`; a directory
    listing carries the suffix `.dir`. Caches and remotes agree. Source: DVC's `cachemgr.py`,
    dvc-objects' `db.py`.
  * Git LFS: `ab/cd/abcdef…`. Source: the Git LFS specification, "The Git LFS client".

Invariant: `parse_object_path(object_path(d, is_tree=t)) == (d, t)`.
"""

import re

from vfs.types import Algorithm, Digest

_DVC = re.compile(r"(files/md5/)?([0-9a-f]{2})/([0-9a-f]{30})(\.dir)?\Z")
_LFS = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})\Z")


def object_path(digest: Digest, *, is_tree: bool = False) -> str:
    """The path of an object relative to the store's root.

    Args:
        digest: MD5, MD5_DOS2UNIX or SHA256 (Git LFS).
        is_tree: the object is a directory listing.

    Raises:
        ValueError: no such store keeps objects of this algorithm (a mistake of the caller).
    """
    name = digest.hex
    suffix = ".dir" if is_tree else ""
    if digest.algorithm is Algorithm.MD5:
        return f"files/md5/{name[:2]}/{name[2:]}{suffix}"
    if digest.algorithm is Algorithm.MD5_DOS2UNIX:
        return f"{name[:2]}/{name[2:]}{suffix}"
    if digest.algorithm is Algorithm.SHA256 and not is_tree:
        return f"{name[:2]}/{name[2:4]}/{name}"
    raise ValueError(f"no layout for {digest.algorithm.name}")


def parse_object_path(path: str) -> tuple[Digest, bool] | None:
    """The digest an object's path names and whether it is a listing; None for anything else."""
    match = _DVC.match(path)
    if match is not None:
        algorithm = Algorithm.MD5 if match[1] else Algorithm.MD5_DOS2UNIX
        return Digest(algorithm, bytes.fromhex(match[2] + match[3])), bool(match[4])
    match = _LFS.match(path)
    if match is not None:
        return Digest(Algorithm.SHA256, bytes.fromhex(match[3])), False
    return None
