"""`.dvc/config`: remotes, the default remote, the cache directory.

Source: DVC's `config.py`, `fs/__init__.py`; checked against DVC 3.67.

Rules:
  * section and option names are lower-cased; `['remote "name"']` and `[remote "name"]` define a
    remote;
  * layers merge deeply, later ones win: system < global < repository < local;
  * a relative path in `url`, `cache.dir` and the credential file options is relative to the
    directory of the *file* that holds it; `~` is the user's home;
  * `url = remote://other/path` extends the remote `other`: its options are inherited, the own
    ones win, the path is appended to its URL;
  * DVC 0.9's `[core] cloud = aws` with `[aws] storagepath = bucket/prefix` is a remote too.

Trust: the repository's layer is written by strangers. Options that make a library read a local
file (`credentialpath`, `configpath`, `keyfile`, …) could name a file inside the checkout, and a
file in AWS's formats may hold a command to run. From an untrusted layer they are dropped if they
are relative or lie inside the repository, with a `Problem`.

Invariant: pure; raises nothing but `FormatError` and `ConfigError`. Secrets are never part of a
message or a `repr`.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vfs.errors import ConfigError, FormatError
from vfs.formats.fields import clip
from vfs.formats.ini import parse_ini
from vfs.types import Problem

DvcConfig = dict[str, Any]

MAX_CHAIN = 16
NAMED = re.compile(r"\s*(remote|machine|db)\s*\"(.*)\"\s*", re.DOTALL)
_URL = re.compile(r"\w+://")
# Options of a remote that name local files (DVC: config.py, _map_dirs).
LOCAL_FILES = frozenset(
    {
        "gdrive_user_credentials_file",
        "gdrive_service_account_json_file_path",
        "credentialpath",
        "configpath",
        "keyfile",
        "cert_path",
        "key_path",
    }
)
# What libraries read as well, though DVC does not resolve it: same danger, same rule.
_TRUSTED_ONLY = LOCAL_FILES | {
    "ssl_verify",
    "ask_password",
    "ask_passphrase",
    "bearer_token_command",  # is run
}
_CLOUDS = {"aws": "s3", "gcp": "gs"}


class Layer(NamedTuple):
    """One configuration file.

    Attributes:
        config: as `parse_dvc_config` returned it.
        directory: absolute directory of the file; "" leaves relative paths as they are.
        trusted: False for the repository's own file, which anybody may have written.
    """

    config: DvcConfig
    directory: str
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class RemoteConfig:
    """One remote.

    Attributes:
        name: lower case.
        url: absolute path or URL; `remote://` is resolved.
        options: all other options, names in lower case (DVC's spelling); may hold secrets.
        version_aware: objects lie under their workspace paths, with versions.
        worktree: like version_aware, and the remote mirrors the workspace.
    """

    name: str
    url: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    version_aware: bool = False
    worktree: bool = False


LINK_TYPES = frozenset({"reflink", "hardlink", "symlink", "copy"})


def parse_dvc_config(data: bytes, *, file: str) -> DvcConfig:
    """One file: `{"core": {...}, "remote": {name: {...}}, "cache": {...}, …}`.

    Raises:
        FormatError: the file breaks the format.
    """
    config: DvcConfig = {}
    for section, values in parse_ini(data, file=file).items():
        if not isinstance(values, dict):
            raise FormatError(f"the option {clip(section)} stands before any section", file=file)
        named = NAMED.fullmatch(section.lower())
        options = {key.lower(): _lower(value) for key, value in values.items()}
        target = config if named is None else config.setdefault(named[1], {})
        key = section.lower() if named is None else named[2]
        if not isinstance(target, dict) or key in target:
            raise FormatError(f"has the section {clip(section)} a second time", file=file)
        target[key] = options
    return config


def merge_dvc_configs(
    layers: Iterable[Layer], *, home: str = ""
) -> tuple[DvcConfig, tuple[Problem, ...]]:
    """All layers as one configuration, lowest precedence first; paths resolved.

    Args:
        layers: system, global, repository, local; those that exist.
        home: directory that `~` stands for, "" leaves `~` as it is.

    Returns:
        The merged configuration, and a problem for each option that was not trusted.
    """
    merged: DvcConfig = {}
    problems: list[Problem] = []
    for layer in layers:
        _merge(merged, _resolved(layer, home, problems))
    return merged, tuple(problems)


def remotes(config: DvcConfig) -> dict[str, RemoteConfig]:
    """The remotes that can be used, by name; `remote://` chains are resolved.

    A remote that is broken (no URL, a chain without end) is left out: `remote` says why.
    """
    found: dict[str, RemoteConfig] = {}
    for name in (*_sections(config), *(cloud for cloud in _CLOUDS if _early(config, cloud))):
        try:
            found[name] = remote(config, name)
        except ConfigError:
            continue
    return found


def remote(config: DvcConfig, name: str) -> RemoteConfig:
    """One remote by name (any letter case).

    Raises:
        ConfigError: no such remote, no URL, or a `remote://` chain that does not end.
    """
    options = _options(config, name.lower(), 0)
    url = options.pop("url")
    worktree = _truth(options.get("worktree"))
    return RemoteConfig(
        name=name.lower(),
        url=url,
        options=options,
        version_aware=worktree or _truth(options.get("version_aware")),
        worktree=worktree,
    )


def default_remote(config: DvcConfig) -> str | None:
    """Name of the default remote (`core.remote`), or None."""
    core = config.get("core")
    if not isinstance(core, dict):
        return None
    name = core.get("remote") or (core.get("cloud") if "remote" not in core else None)
    return name.lower() if isinstance(name, str) and name else None


def cache_directory(config: DvcConfig, default: str) -> str:
    """The cache directory: `cache.dir`, or `default` (`<repository>/.dvc/cache`)."""
    cache = config.get("cache")
    value = cache.get("dir") if isinstance(cache, dict) else None
    return value if isinstance(value, str) and value else default


def option(config: DvcConfig, section: str, name: str) -> str:
    """The text of one option, "" if it is not there."""
    values = config.get(section)
    value = values.get(name) if isinstance(values, dict) else None
    return "" if value is None else str(value).strip("\"' ")


def link_types(config: DvcConfig) -> tuple[str, ...]:
    """`cache.type`: the kinds of links, best first; DVC's default if there is none, or an unknown one."""
    cache = config.get("cache")
    value = cache.get("type") if isinstance(cache, dict) else None
    found = tuple(str(value).strip("\"'").replace(",", " ").split()) if value else ()
    return found if found and set(found) <= LINK_TYPES else ("reflink", "copy")


def _lower(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): _lower(item) for key, item in value.items()}
    return value


def _resolved(layer: Layer, home: str, problems: list[Problem]) -> DvcConfig:
    """The layer with absolute paths and without what it is not trusted with."""
    config: DvcConfig = {
        section: dict(values) if isinstance(values, dict) else values
        for section, values in layer.config.items()
    }
    cache = config.get("cache")
    if isinstance(cache, dict) and isinstance(cache.get("dir"), str):
        cache["dir"] = _absolute(cache["dir"], layer.directory, home)
    for name, options in _sections(config).items():
        config["remote"][name] = _remote_options(name, options, layer, home, problems)
    return config


def _remote_options(
    name: str, options: dict[str, Any], layer: Layer, home: str, problems: list[Problem]
) -> dict[str, str]:
    result: dict[str, str] = {}
    root = posixpath.dirname(layer.directory)
    for key, value in options.items():
        if not isinstance(value, str):
            continue  # nested sections mean nothing here
        if key == "url" or key in LOCAL_FILES:
            resolved = _absolute(value, layer.directory, home)
        else:
            resolved = value
        if key in _TRUSTED_ONLY and not layer.trusted and not _harmless(key, value, resolved, root):
            message = (
                f"the option {key} of remote {clip(name)} is ignored: it comes from the repository"
            )
            hint = "set it in .dvc/config.local (`dvc remote modify --local`) if you want it"
            blamed = b".dvc/config"
            problems.append(Problem(blamed, "untrusted-option", message, hint, heals=False))
            continue
        result[key] = resolved
    return result


def _harmless(key: str, written: str, resolved: str, root: str) -> bool:
    """Whether an untrusted layer may set this option."""
    if key not in LOCAL_FILES:
        return written.lower() in ("true", "false")
    if not written.startswith(("/", "~/")) or ".." in written.split("/"):
        return False
    resolved = "/" + posixpath.normpath(resolved).lstrip("/")
    return bool(root) and not (resolved + "/").startswith(root.rstrip("/") + "/")


def _absolute(path: str, directory: str, home: str) -> str:
    """A path of a configuration file made absolute; URLs and unknown homes stay."""
    if not path or _URL.match(path) or path.startswith("/"):
        return path
    if path == "~" or path.startswith("~/"):
        return posixpath.normpath(home + path[1:]) if home else path
    return posixpath.normpath(posixpath.join(directory, path)) if directory else path


def _merge(into: DvcConfig, update: DvcConfig) -> None:
    for key, value in update.items():
        old = into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            _merge(old, value)
        else:
            into[key] = _copy(value)


def _copy(value: Any) -> Any:
    return {key: _copy(item) for key, item in value.items()} if isinstance(value, dict) else value


def _sections(config: DvcConfig) -> dict[str, dict[str, Any]]:
    """All `remote` sections."""
    section = config.get("remote")
    if not isinstance(section, dict):
        return {}
    return {name: options for name, options in section.items() if isinstance(options, dict)}


def _options(config: DvcConfig, name: str, depth: int) -> dict[str, str]:
    options = _sections(config).get(name) or _early(config, name)
    if options is None:
        known = ", ".join(sorted(_sections(config))) or "none"
        raise ConfigError(
            f"there is no remote {clip(name)}",
            hint=f"remotes that are configured: {known}; add one with `dvc remote add`",
        )
    url = options.get("url")
    if not isinstance(url, str) or not url:
        raise ConfigError(f"the remote {clip(name)} has no url")
    if not url.startswith("remote://"):
        return {key: value for key, value in options.items() if isinstance(value, str)}
    if depth >= MAX_CHAIN:
        raise ConfigError(f"the remote {clip(name)} refers to itself by remote://")
    base_name, _, path = url.removeprefix("remote://").partition("/")
    base = _options(config, base_name.lower(), depth + 1)
    joined = base["url"] + "/" + path.lstrip("/")
    return {**base, **options, "url": joined}


def _early(config: DvcConfig, name: str) -> dict[str, Any] | None:
    """DVC 0.9's `[aws]`/`[gcp]` section as the options of a remote."""
    section = config.get(name)
    if name not in _CLOUDS or not isinstance(section, dict):
        return None
    path = section.get("storagepath")
    if not isinstance(path, str) or not path:
        return None
    options: dict[str, Any] = {"url": f"{_CLOUDS[name]}://{path.strip('/')}"}
    for ours, theirs in (("region", "region"), ("profile", "credentialsection")):
        if section.get(theirs):
            options[ours] = section[theirs]
    return options


def _truth(value: str | None) -> bool:
    return value is not None and value.lower() == "true"
