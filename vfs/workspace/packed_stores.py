"""Packed remotes of a repository: the section `remotes` of `.vfs/config.yaml` and the files over it.

Layers, weakest first: the tracked file of the commit, the one in the working tree (so that commits made before there
was such a remote can be read from it), the user's `config.yaml`, `.vfs/local.yaml`.

Trust: as for `.dvc/config` (`vfs.workspace.stores`): options that make libraries read local files do not count from a file
that Git tracks, nor from the working tree's, which may come with a clone.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from vfs.config import environment, parse_remotes, read_remotes_file, user_config_file
from vfs.config.trust import is_tracked
from vfs.errors import ConfigError
from vfs.formats.dvcconfig import Layer, merge_dvc_configs, remotes
from vfs.types import Problem
from vfs.workspace.stores import DvcStore, RemoteRef, Surroundings

CONFIG = b".vfs/config.yaml"
_LOCAL = ".vfs/local.yaml"


def packed_files(where: Surroundings) -> list[Path]:
    """The files of this machine that may define packed remotes, weakest first."""
    own = [] if where.root is None else [where.root / CONFIG.decode()]
    private = [] if where.root is None else [where.root / _LOCAL]
    return [*own, user_config_file(), *private]


def load_packed(
    tracked: bytes | None, where: Surroundings, taken: Collection[str]
) -> tuple[tuple[RemoteRef, ...], tuple[Problem, ...]]:
    """The packed remotes, by name.

    Args:
        tracked: bytes of the commit's `.vfs/config.yaml`, None if it has none.
        where: the machine's part.
        taken: names of DVC's remotes, which stay what they are.

    Returns:
        The remotes, and a problem for each file, remote or option that cannot be used.
    """
    problems: list[Problem] = []
    layers = _layers(tracked, where, problems)
    config, untrusted = merge_dvc_configs(layers, home=environment().get("HOME", ""))
    hint = "set it in .vfs/local.yaml if you want it"
    problems += [problem._replace(path=CONFIG, hint=hint) for problem in untrusted]
    found = []
    for remote in remotes(config).values():
        options = dict(remote.options)
        layout = options.pop("layout", "packed")
        ref = RemoteRef(remote.name, remote.url, tuple(sorted(options.items())))
        why = _refusal(ref, layout, taken)
        if why:
            problems.append(Problem(CONFIG, "bad-config", f"the remote {ref.name!r} {why}"))
        else:
            found.append(ref)
    return tuple(sorted(found)), tuple(problems)


def with_packed(store: DvcStore, root: Path) -> DvcStore:
    """The store of a working tree with the packed remotes that it may use now; what cannot be used is left out."""
    where, names = Surroundings(root, None, False), [remote.name for remote in store.remotes]
    return replace(store, packed=load_packed(None, where, names)[0])


def _refusal(ref: RemoteRef, layout: str, taken: Collection[str]) -> str:
    if layout != "packed":
        return f"has the layout {layout[:40]!r}; in .vfs/config.yaml it is `packed`"
    if ref.name in taken:
        return "is defined in .dvc/config as well; give it another name"
    if ref.local and not ref.url.startswith(("/", "file://")):
        return "has a relative URL, but there is no working tree"
    return ""


def _layers(tracked: bytes | None, where: Surroundings, problems: list[Problem]) -> list[Layer]:
    directory = "" if where.root is None else str(where.root / ".vfs")
    layers = []
    if tracked is not None:
        try:
            found = parse_remotes(tracked, CONFIG.decode())
            layers.append(_layer(found, directory, trusted=False))
        except ConfigError as error:
            problems.append(Problem(CONFIG, error.code, error.message))
    for file in packed_files(where):
        try:
            found = read_remotes_file(file)
        except ConfigError as error:
            problems.append(Problem(CONFIG, error.code, error.message))
            continue
        if found:
            layers.append(_layer(found, str(file.parent), trusted=_trusted(file, where)))
    return layers


def _trusted(file: Path, where: Surroundings) -> bool:
    if where.root is None or file.parent != where.root / ".vfs":
        return True
    return file.name == "local.yaml" and not is_tracked(where.root, _LOCAL)


def _layer(found: dict[str, dict[str, str]], directory: str, *, trusted: bool) -> Layer:
    named = {
        name.lower(): {key.lower(): value for key, value in options.items()}
        for name, options in found.items()
    }
    return Layer({"remote": named}, directory, trusted)
