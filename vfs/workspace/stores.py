"""Which DVC caches and remotes a commit's pointers may be served from.

Every directory with a `.dvc` is the root of a DVC repository of its own (`dvc init --subdir`); a
pointer belongs to the nearest one above it. Its configuration is, weakest first: system, user,
the tracked `.dvc/config` of the commit, and `.dvc/config.local` as it lies in the working tree.

Trust: tracked configuration is written by strangers. `vfs.formats.dvcconfig` drops options that
make libraries read local files. Here: a *foreign* repository (cloned from a URL, or the source of an import that is one)
has no caches at all, whatever its `cache.dir` says. Its remotes may name local directories, but
only objects named by their digest are read from a remote, so all such a configuration can bring
about is that a content is found which the pointer knows the hash of already.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from blake3 import blake3

from vfs.config import dvc_config_paths, environment
from vfs.errors import FormatError, NotARepository
from vfs.formats.dvcconfig import (
    DvcConfig,
    Layer,
    RemoteConfig,
    cache_directory,
    default_remote,
    link_types,
    merge_dvc_configs,
    option,
    parse_dvc_config,
    remotes,
)
from vfs.git.here import git_directories
from vfs.types import Problem

if TYPE_CHECKING:
    from vfs.git import Repository

MAX_CONFIG = 1 << 20

_YES = frozenset({"1", "true", "yes", "on", "enable"})
_SERVICE = frozenset(
    {"endpointurl", "region", "profile", "configpath", "use_ssl", "account_name", "user", "port"}
)
"""Options that say, with the URL, whose server is asked; none of them is a secret."""
_SERVICE_FIELDS = frozenset(
    {"accountname", "blobendpoint", "defaultendpointsprotocol", "endpointsuffix"}
    | {"usedevelopmentstorage"}
)
"""The same within Azure's `connection_string`."""


class RemoteRef(NamedTuple):
    """A remote as a value: equal references may share one connection.

    Attributes:
        name: as configured, for messages.
        url: absolute path or URL; may hold credentials.
        options: (name, value) sorted; may hold secrets.
        versioned: files lie under their workspace paths, with versions.
        worktree: versioned, and a mirror of the workspace.
    """

    name: str
    url: str
    options: tuple[tuple[str, str], ...] = ()
    versioned: bool = False
    worktree: bool = False

    def __repr__(self) -> str:
        return f"RemoteRef({self.name!r})"

    @property
    def local(self) -> bool:
        """Whether it is a directory of this machine."""
        return "://" not in self.url or self.url.startswith("file://")

    @property
    def shown(self) -> str:
        """The URL for messages, without credentials and query."""
        head, separator, rest = self.url.partition("://")
        if not separator:
            return self.url
        return f"{head}://{rest.rpartition('@')[2].partition('?')[0]}"

    @property
    def service(self) -> bytes:
        """What stands for the place and the server that it is on in keys: two remotes of one URL may be on different servers."""
        named = [pair for pair in self.options if pair[0] in _SERVICE]
        account = dict(self.options).get("connection_string", "")
        fields = (field.strip().partition("=") for field in account.split(";"))
        named += [(name, value) for name, _, value in fields if name.lower() in _SERVICE_FIELDS]
        return blake3(json.dumps([self.url, sorted(named)]).encode()).digest(16)

    @property
    def directory(self) -> str:
        """Where a local one lies."""
        return self.url.removeprefix("file://")

    @property
    def prefix(self) -> str:
        """What precedes the layout of digests below the URL (DVC: worktree remotes)."""
        return ".dvc/" if self.worktree else ""


@dataclass(frozen=True, slots=True)
class DvcStore:
    """Where one DVC repository keeps its objects, as a value.

    Attributes:
        caches: absolute directories, best first.
        remotes: all that are configured; the default one first.
        packed: remotes in the packed layout (`vfs.workspace.packed_stores`).
        foreign: the configuration belongs to a repository that was cloned from a URL.
        has_default: a default remote is configured.
        links: `cache.type`: how files of the cache get into the working tree, best first.
        shared: `cache.shared`: a group writes to the cache.
        autostage: `core.autostage`: what verbs write is staged in Git.
        homes: a working tree whose files may hold contents that the cache lacks, and its Git directory; ("", "") for none.
    """

    caches: tuple[str, ...] = ()
    remotes: tuple[RemoteRef, ...] = ()
    foreign: bool = False
    has_default: bool = False
    links: tuple[str, ...] = ("reflink", "copy")
    packed: tuple[RemoteRef, ...] = ()
    homes: tuple[str, str] = ("", "")
    shared: bool = False
    autostage: bool = False

    def ordered(self, hint: str | None) -> tuple[RemoteRef, ...]:
        """Remotes to ask for an out: its own (`remote:`), the default one, then the others."""
        if hint is None:
            return self.remotes
        return tuple(sorted(self.remotes, key=lambda remote: remote.name != hint))

    def preferring(self, name: str | None) -> "DvcStore":
        """The store with the remote of that name as the default one; itself if it has none."""
        if name is None or self.remote(name) is None:
            return self
        return replace(self, remotes=self.ordered(name), has_default=True)

    def besides(self, *others: "DvcStore") -> "DvcStore":
        """The store with what others have besides, and with a default remote of theirs if it has none."""
        default = next((one.remotes[:1] for one in (self, *others) if one.has_default), ())
        stores = (self, *others)
        return replace(
            self,
            caches=tuple(dict.fromkeys(path for one in stores for path in one.caches)),
            remotes=tuple(dict.fromkeys((*default, *(r for one in stores for r in one.remotes)))),
            packed=tuple(dict.fromkeys(ref for one in stores for ref in one.packed)),
            has_default=bool(default),
        )

    def remote(self, name: str | None) -> RemoteRef | None:
        """The remote of that name; the default one for None."""
        if name is None:
            return self.remotes[0] if self.remotes and self.has_default else None
        return next((remote for remote in self.remotes if remote.name == name), None)

    def target(self, name: str) -> RemoteRef | None:
        """The remote of that name, in either layout; for "" DVC's default one, else the only packed one."""
        if name:
            return self.named(name)
        return self.remote(None) or (self.packed[0] if len(self.packed) == 1 else None)

    def named(self, name: str) -> RemoteRef | None:
        """The remote of that name, in either layout."""
        return next((r for r in (*self.remotes, *self.packed) if r.name == name), None)


class Roots:
    """The DVC repositories of one commit."""

    def __init__(self) -> None:
        self._stores: dict[bytes, DvcStore] = {}

    def add(self, path: bytes, store: DvcStore) -> None:
        """Register the repository whose root is `path` (b"" is the top)."""
        self._stores[path] = store

    def root_of(self, path: bytes) -> bytes:
        """The root of the repository that a pointer at `path` belongs to."""
        while path:
            path = path.rpartition(b"/")[0]
            if path in self._stores:
                return path
        return b""

    def store_of(self, path: bytes) -> DvcStore:
        """The store of the pointer at `path`."""
        return self._stores[self.root_of(path)]

    def changed(self, change: Callable[[bytes, DvcStore], DvcStore]) -> "Roots":
        """The same with the stores that `change` makes of their roots and them."""
        made = Roots()
        for path, store in self._stores.items():
            made.add(path, change(path, store))
        return made

    def paths(self) -> Sequence[bytes]:
        """The root of each."""
        return list(self._stores)

    def stores(self) -> Sequence[DvcStore]:
        """All of them."""
        return list(self._stores.values())


class Surroundings(NamedTuple):
    """What of the machine takes part in a configuration.

    Attributes:
        root: the working tree, None if there is none.
        main_root: the main working tree, if `root` is a linked one.
        foreign: the repository was cloned from a URL.
    """

    root: Path | None
    main_root: Path | None
    foreign: bool


def main_root(repository: "Repository", root: Path | None) -> Path | None:
    """The main working tree, if `root` is a linked one."""
    common = repository.common_dir
    if root is None or common == repository.git_dir or common.name != ".git":
        return None
    return common.parent


def machine_files(path: bytes, where: Surroundings) -> list[Path]:
    """The files of this machine that take part in the configuration of the DVC repository at `path`, weakest first."""
    found = [file for file in dvc_config_paths() if file is not None]
    if where.root is not None:
        found.append(where.root / _text(path) / ".dvc" / "config.local")
    return found


def load_store(
    tracked: bytes | None,
    path: bytes,
    where: Surroundings,
    override: DvcConfig | None = None,
) -> tuple[DvcStore, tuple[Problem, ...]]:
    """The store of the DVC repository at `path`.

    Args:
        tracked: bytes of its `.dvc/config` in the commit, None if it has none.
        path: repository path of its root.
        where: the machine's part.
        override: entries laid over everything (an import's `repo: {config: …}`).

    Returns:
        The store, and a problem for each file that could not be used.
    """
    problems: list[Problem] = []
    blamed = path + b"/.dvc/config" if path else b".dvc/config"
    local = None if where.root is None else where.root / _text(path) / ".dvc"
    layers = [
        layer for file in dvc_config_paths() if (layer := _file_layer(file, blamed, problems))
    ]
    if tracked is not None:
        directory = str(local) if local is not None else ""
        layers += _layer(tracked, _text(blamed), directory, blamed, problems, trusted=False)
    if local is not None:
        own = _file_layer(local / "config.local", blamed, problems)
        layers += [] if own is None else [own]
    if override is not None:
        layers.append(Layer(override, "", trusted=False))
    config, untrusted = merge_dvc_configs(layers, home=environment().get("HOME", ""))
    problems += [problem._replace(path=blamed) for problem in untrusted]
    refs, default = _remotes(config, blamed, problems)
    caches = () if where.foreign else _caches(config, path, where)
    links = link_types(config)
    store = DvcStore(
        caches,
        refs,
        where.foreign,
        default,
        links,
        homes=_homes(where),
        shared=option(config, "cache", "shared").lower() == "group",
        autostage=option(config, "core", "autostage").lower() in _YES,
    )
    return store, tuple(problems)


def _homes(where: Surroundings) -> tuple[str, str]:
    if where.root is None or where.foreign:
        return "", ""
    try:
        return str(where.root), str(git_directories(where.root)[0])
    except NotARepository:
        return "", ""


def _file_layer(file: Path | None, blamed: bytes, problems: list[Problem]) -> Layer | None:
    if file is None:
        return None
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_CONFIG)
    except OSError:
        return None
    found = _layer(data, str(file), str(file.parent), blamed, problems, trusted=True)
    return found[0] if found else None


def _layer(
    data: bytes,
    name: str,
    directory: str,
    blamed: bytes,
    problems: list[Problem],
    *,
    trusted: bool,
) -> list[Layer]:
    try:
        return [Layer(parse_dvc_config(data, file=name), directory, trusted)]
    except FormatError as error:
        hint = error.hint or "the remotes of this file are not used; correct it"
        problems.append(Problem(blamed, error.code, error.message, hint, heals=trusted))
        return []


def _remotes(
    config: DvcConfig, blamed: bytes, problems: list[Problem]
) -> tuple[tuple[RemoteRef, ...], bool]:
    default = default_remote(config)
    refs = []
    for remote in remotes(config).values():
        ref = _reference(remote)
        if ref.local and not ref.url.startswith(("/", "file://")):
            message = f"the remote {ref.name!r} has a relative URL, but there is no working tree"
            hint = "give the remote an absolute URL, or mount a clone with a working tree"
            problems.append(Problem(blamed, "relative-remote", message, hint))
        else:
            refs.append(ref)
    refs.sort(key=lambda ref: (ref.name != default, ref.name))
    has_default = bool(refs) and refs[0].name == default
    if default is not None and not has_default:
        message = f"the default remote {default!r} is not defined, or cannot be used"
        hint = "define it with `dvc remote add`, or choose another with `dvc remote default`"
        problems.append(Problem(blamed, "no-such-remote", message, hint))
    return tuple(refs), has_default


def _reference(remote: RemoteConfig) -> RemoteRef:
    options = tuple(sorted(remote.options.items()))
    return RemoteRef(remote.name, remote.url, options, remote.version_aware, remote.worktree)


def _caches(config: DvcConfig, path: bytes, where: Surroundings) -> tuple[str, ...]:
    """`cache.dir`, or `.dvc/cache` of this and of the main working tree."""
    roots = [root for root in (where.root, where.main_root) if root is not None]
    defaults = [str(root / _text(path) / ".dvc" / "cache") for root in roots]
    chosen = cache_directory(config, "")
    if chosen.startswith("/"):
        return (chosen,)
    return tuple(defaults)


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
