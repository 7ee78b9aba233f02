"""What a traced run says about its stage: told, proposed as a declaration, kept. Paths are those of the repository.

Rule: what is ignored (`vfs.pipeline.ignoring`) is nobody's dependency. Parameters are declared by their file, and need not be read.
"""

import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from vfs.core.paths import show
from vfs.errors import FormatError, UnknownPath
from vfs.formats.stage_values import DeclaredDep, DeclaredOut, Definition
from vfs.git.here import tracked
from vfs.pipeline.ignoring import Ignoring
from vfs.pipeline.nodes import Stage
from vfs.sandbox.changes import Change
from vfs.sandbox.observed import propose, undeclared
from vfs.sandbox.trace import Trace, load, save

_URL = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:")

MOST = 10
"""Paths that are named."""


def differences(
    stage: Stage, trace: Trace, changes: Iterable[Change], ignored: Ignoring
) -> list[str]:
    """What was read and not declared, and what was declared and not read, for the user."""
    name = stage.address()
    if not trace.complete:
        why = "; ".join(gap.why for gap in trace.gaps)
        return [f"not all that stage {name!r} read is known: {why}"]
    deps = [stage.led.get(dep.written, dep.path) for dep in stage.definition.deps]
    found = undeclared(trace, changes, [*stage.dep_paths], stage.out_paths, ignored)
    unread = [path for path in found.unread if path in deps]
    told = []
    if found.read:
        told.append(f"stage {name!r} read what is not among its deps: {_named(found.read)}")
    if unread:
        told.append(f"stage {name!r} did not read what is among its deps: {_named(unread)}")
    return told


def proposed(
    top: bytes,
    stage: Stage,
    trace: Trace,
    changes: Iterable[Change],
    whole: Collection[bytes],
    below: Sequence[bytes],
    ignored: Ignoring,
) -> tuple[Definition, list[bytes]]:
    """The declaration of a stage with what it read and wrote, besides what it says already; and what no `dvc.yaml` can name.

    Args:
        top: the working tree.
        stage: that ran.
        trace: of its command.
        changes: all that it wrote.
        whole: directories that are tracked as one.
        below: what lies below the working tree.
        ignored: what is nobody's.
    """
    definition = stage.definition
    layers = (top, *below)

    def count(path: bytes) -> int:
        here = next((d for top in layers if os.path.isdir(d := os.path.join(top, path))), None)
        return 0 if here is None else sum(len(names) for _, _, names in os.walk(here))

    found = propose(trace, changes, whole, count, ignored)
    declared = {*stage.dep_paths, *stage.out_paths}
    deps = [path for path in found.deps if not _covered(path, declared)]
    outs = [path for path in found.outs if not _covered(path, stage.out_paths)]
    unnamed = [path for path in (*deps, *outs) if not _can_be_named(path)]
    deps, outs = ([path for path in paths if path not in unnamed] for paths in (deps, outs))
    of_git = {path for path in outs if tracked(top, [path]) is not None}

    def written(path: bytes) -> str:
        return os.fsdecode(os.path.relpath(path, definition.wdir or b"."))

    more_deps = (DeclaredDep(written(path), path) for path in deps)
    more_outs = (DeclaredOut(written(path), path, cached=path not in of_git) for path in outs)
    new = replace(
        definition, deps=(*definition.deps, *more_deps), outs=(*definition.outs, *more_outs)
    )
    return new, unnamed


def _can_be_named(path: bytes) -> bool:
    """Whether YAML can hold a path, templating leaves it alone, and it is no URL (for DVC `a:b` is one)."""
    try:
        return "${" not in path.decode() and not _URL.match(path)
    except UnicodeDecodeError:
        return False


def keep(trace: Trace, path: Path) -> None:
    """Keep a trace beside the record of its run. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("wb") as file:
        save(trace, file)


def kept(path: Path) -> Trace:
    """The trace of a run.

    Raises:
        UnknownPath: none was kept.
        FormatError: it is none.
    """
    try:
        with path.open("rb") as file:
            return load(file, str(path))
    except FileNotFoundError:
        raise UnknownPath(
            "no trace of that run was kept", hint="only runs in a private view have one"
        ) from None
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", file=str(path)) from error


def _named(paths: Sequence[bytes]) -> str:
    more = f" and {len(paths) - MOST} more" if len(paths) > MOST else ""
    return ", ".join(map(show, paths[:MOST])) + more


def _covered(path: bytes, by: Iterable[bytes]) -> bool:
    return any(path == one or path.startswith(one + b"/") for one in by)
