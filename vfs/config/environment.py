"""The environment of the process, in one place.

Rule: no other module reads `os.environ`; who needs a variable asks here, so that this file lists all of them.

Variables vfs reads itself: `VFS_CACHE_DIR`, `VFS_DEBUG`, `VFS_OFFLINE`, `XDG_CACHE_HOME`, `XDG_CONFIG_HOME`, `XDG_CONFIG_DIRS`,
`XDG_STATE_HOME`, `XDG_RUNTIME_DIR`, `DVC_SYSTEM_CONFIG_DIR`, `DVC_GLOBAL_CONFIG_DIR`, `NO_COLOR`, `TERM`, `HOME`.
"""

import os
from collections.abc import Mapping
from types import MappingProxyType

_GIT_KEPT = frozenset(
    [
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_PROXY_COMMAND",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_EXEC_PATH",
        "GIT_SSL_CAINFO",
    ]
)


def environment() -> Mapping[str, str]:
    """A read-only, live view of the environment, for adapters that hand it on."""
    return MappingProxyType(os.environ)


def git_environment() -> dict[str, str]:
    """The environment for a Git process that must see only the repository it is told.

    `GIT_DIR`, `GIT_WORK_TREE`, `GIT_INDEX_FILE`, … are set when vfs runs inside a Git hook and would point Git
    somewhere else; those about transport and identity are kept. Git never asks on a terminal.
    """
    result = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _GIT_KEPT}
    result.update(GIT_TERMINAL_PROMPT="0", GIT_OPTIONAL_LOCKS="0", LC_ALL="C.UTF-8")
    return result


def debug_wanted() -> bool:
    """Whether `VFS_DEBUG` asks for tracebacks and debug logs."""
    return os.environ.get("VFS_DEBUG", "") not in ("", "0")


def offline_wanted() -> bool:
    """Whether `VFS_OFFLINE` says that nothing may be asked of a remote."""
    return os.environ.get("VFS_OFFLINE", "") not in ("", "0")


def colour_wanted() -> bool:
    """Whether colour is welcome on a terminal (https://no-color.org, and `TERM=dumb`)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
