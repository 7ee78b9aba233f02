"""Which keys a remote takes, and how they join with the URL's prefix.

Rule: a key is a relative path of components that mean themselves. `..`, empty components and a
leading slash could leave the prefix (on a local disk, or on a server that normalises paths).
Invariants: pure; `strip_prefix(join(p, k), p) == k` for every valid key.
"""

from vfs.errors import UnsafePath

MAX_KEY_BYTES = 1024  # of S3, prefix included


def check_key(key: str) -> str:
    """`key` itself, if a remote may be asked for it.

    Raises:
        UnsafePath: it is empty, absolute, leaves the prefix, holds NUL or is no valid UTF-8.
    """
    problem = key_problem(key)
    if problem:
        raise UnsafePath(f"{key[:200]!a} cannot be the key of an object: {problem}")
    return key


def key_problem(key: str) -> str:
    """Why `key` is refused, "" if it is fine."""
    if not key:
        return "it is empty"
    if "\0" in key:
        return "it holds a NUL"
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "it is not valid UTF-8"
    if size > MAX_KEY_BYTES:
        return f"it is longer than {MAX_KEY_BYTES} bytes"
    # The cheap test first: nearly no key has a dot or slash that could matter.
    if key[0] in "/." or key[-1] in "/." or "//" in key or "/." in key:
        for component in key.split("/"):
            if component in ("", ".", ".."):
                return f"it has the component {component!r}"
    return ""


def join(prefix: str, key: str) -> str:
    """The full key below a prefix that has no outer slashes."""
    return f"{prefix}/{key}" if prefix else key


def strip_prefix(full: str, prefix: str) -> str | None:
    """Inverse of `join`; None if `full` does not lie below the prefix or is no valid key."""
    if prefix:
        if not full.startswith(prefix + "/"):
            return None
        full = full[len(prefix) + 1 :]
    return None if key_problem(full) else full
