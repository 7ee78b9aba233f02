"""A stage as a command line declares it.

Format of parameters (source: DVC's `utils/cli_parse.py`): `[FILE:]KEY[,KEY…]`; `FILE:` is the whole file.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vfs.core.paths import resolve_relative
from vfs.errors import UsageError
from vfs.formats.stage_values import (
    DeclaredDep,
    DeclaredOut,
    DeclaredParams,
    Definition,
    OutKind,
)

DEFAULT_PARAMS = "params.yaml"
_TEMPLATE = re.compile(r"\$\{[^{}]*\}")
_PLAIN = re.compile(
    r"[\w@%+=:,./ -]*", re.ASCII
)  # the shell reads these as they are, but for spaces


class Wanted(NamedTuple):
    """Which kind of out an option declares."""

    kind: OutKind
    cached: bool = True
    persist: bool = False


OUTS: Mapping[str, Wanted] = {
    "outs": Wanted(OutKind.OUT),
    "outs_no_cache": Wanted(OutKind.OUT, cached=False),
    "outs_persist": Wanted(OutKind.OUT, persist=True),
    "outs_persist_no_cache": Wanted(OutKind.OUT, cached=False, persist=True),
    "metrics": Wanted(OutKind.METRIC),
    "metrics_no_cache": Wanted(OutKind.METRIC, cached=False),
    "plots": Wanted(OutKind.PLOT),
    "plots_no_cache": Wanted(OutKind.PLOT, cached=False),
}


def declared(
    file: bytes,
    name: str,
    command: Sequence[str],
    *,
    wdir: str | None = None,
    deps: Sequence[str] = (),
    params: Sequence[str] = (),
    outs: Mapping[str, Sequence[str]],
    always_changed: bool = False,
    desc: str | None = None,
) -> Definition:
    """The definition of a stage.

    Args:
        file: the `dvc.yaml`.
        name: of the stage.
        command: words of it; a single one is text for the shell.
        wdir: directory it works in, relative to the file.
        deps: relative to `wdir`.
        params: as on the command line.
        outs: paths, by the names of `OUTS`.
        always_changed: run it whenever it is asked for.
        desc: what it says of itself.

    Raises:
        UsageError: it has no command, or an argument of it has a line break.
        UnsafePath: `wdir` or an out lies outside of the repository.
    """
    if not any(command):
        raise UsageError("there is no command", hint="vfs run -n NAME … COMMAND…")
    base = resolve_relative(file.rpartition(b"/")[0], wdir or ".")
    made = [
        DeclaredOut(path, resolve_relative(base, path), kind, cached, persist)
        for option, (kind, cached, persist) in OUTS.items()
        for path in outs.get(option, ())
    ]
    return Definition(
        file, None, name, _line(command), base,
        tuple(DeclaredDep(dep, _inside(base, dep)) for dep in deps),
        _params(base, params), tuple(made),
        always_changed=always_changed, desc=desc,
    )  # fmt: skip


def _line(words: Sequence[str]) -> str:
    """The command: a single word is a line for the shell; of several each is what a program is to be given, quoted where that needs it."""
    if len(words) < 2:
        return " ".join(words)
    if any("\n" in word or "\r" in word for word in words):
        raise UsageError(
            "an argument of the command has a line break, and each line of a command is run by itself",
            hint="put it into a script",
        )
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """A word for the shell; as DVC writes it (source: `commands/stage.py`) where that is right. `${…}` is left to templating."""
    plain = _TEMPLATE.sub("", word)
    if word and _PLAIN.fullmatch(plain):
        return word if " " not in word else f'"{word}"'
    return shlex.quote(word) if word else '""'


def _params(base: bytes, texts: Sequence[str]) -> tuple[DeclaredParams, ...]:
    keys: dict[str, list[str]] = {}
    for text in texts:
        file, _, names = text.rpartition(":")
        keys.setdefault(file or DEFAULT_PARAMS, []).extend(filter(None, names.split(",")))
    return tuple(
        DeclaredParams(file, _inside(base, file), tuple(dict.fromkeys(names)))
        for file, names in keys.items()
    )


def _inside(base: bytes, path: str) -> bytes | None:
    if path.startswith("/") or "://" in path:
        return None
    return resolve_relative(base, path)
