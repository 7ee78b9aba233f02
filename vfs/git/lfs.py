"""Where a repository's Git LFS server is.

Source: git-lfs, "Server Discovery" and git-lfs-config(5). Strongest first: `lfs.url`, `remote.NAME.lfsurl`, the same of
the tracked `.lfsconfig`, and the URL of the remote with `.git/info/lfs`. Invariant: nothing is asked.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

import pygit2

_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[A-Za-z0-9.-]+):(?!//)(?P<path>.+)")
_SSH = re.compile(
    r"(?:ssh|git\+ssh|ssh\+git)://(?:[^@/]*@)?(?P<host>[A-Za-z0-9.-]+)(?::[0-9]+)?/(?P<path>.+)"
)


def endpoint(config: Mapping[str, str], tracked: Mapping[str, str]) -> str | None:
    """The URL of the server; None if there is none, as for remotes that are directories.

    Args:
        config: the repository's own configuration, names in lower case but for those of remotes.
        tracked: that of `.lfsconfig`, which anybody may have written.
    """
    remote = _remote(config)
    for source in (config, tracked):
        url = source.get("lfs.url") or source.get(f"remote.{remote}.lfsurl")
        if url:
            return _http(url)
    url = _http(config.get(f"remote.{remote}.url", ""))
    if url is None:
        return None
    url = url.rstrip("/")
    return f"{url}/info/lfs" if url.endswith(".git") else f"{url}.git/info/lfs"


def flat_config(config: pygit2.Config) -> dict[str, str]:
    """What matters here of a configuration; later entries win."""
    wanted = ("lfs.", "remote.")
    return {e.name: e.value for e in config if e.name.startswith(wanted) and e.value is not None}


def tracked_config(text: str) -> dict[str, str]:
    """The URLs of a `.lfsconfig`."""
    found, section = {}, ""
    for line in text.splitlines():
        line = line.strip()
        if match := re.fullmatch(r'\[\s*(lfs|remote)\s*(?:"([^"]+)")?\s*\]', line):
            section = ".".join(filter(None, match.groups())) + "."
        elif line.startswith("["):
            section = ""
        elif section and (match := re.fullmatch(r"(url|lfsurl)\s*=\s*\"?([^\"#;]+?)\"?\s*", line)):
            found[section + match[1]] = match[2]
    return found


def _remote(config: Mapping[str, str]) -> str:
    """The remote that git-lfs would use."""
    names = {key[len("remote.") : -len(".url")] for key in config if _is_url(key)}
    default = config.get("remote.lfsdefault", "")
    if default:
        return default
    return "origin" if "origin" in names or len(names) != 1 else names.pop()


def _is_url(key: str) -> bool:
    return key.startswith("remote.") and key.endswith(".url")


def _http(url: str) -> str | None:
    """The URL over HTTP; of an SSH address the one on the same host; None for all others."""
    if url.startswith(("http://", "https://")):
        return url
    match = _SSH.fullmatch(url) or ("://" not in url and _SCP.fullmatch(url)) or None
    return (
        f"https://{match['host']}/{quote(match['path'].lstrip('/'), safe='/~')}" if match else None
    )
