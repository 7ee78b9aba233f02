"""`vfs log STAGE`: the runs of a stage."""

import os
import posixpath
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from vfs.errors import NoSuchMount, NotARepository, UnknownPath, UsageError, VfsError
from vfs.formats.file_names import is_pointer
from vfs_cli.output import Output
from vfs_cli.target import choose
from vfs_cli.text import date, format_size

if TYPE_CHECKING:
    from vfs.pipeline.history import History


def stage_of(text: str) -> tuple[Path, str] | None:
    """The working tree and the stage that a text means here; None if it means none."""
    try:
        target = choose(None, None, "worktree")
        file, colon, name = text.rpartition(":")
        of_file = posixpath.basename(file) == "dvc.yaml" or is_pointer(os.fsencode(text))
        path = target.path((file or text) if of_file else "dvc.yaml")
    except (UsageError, NoSuchMount, NotARepository):
        return None
    if target.mount is not None:
        return None
    root, shown = Path(target.repo), os.fsdecode(path)
    if not colon and of_file:
        return (root, shown) if _ran(root, shown) else None
    name = name if of_file else text
    address = name if path == b"dvc.yaml" else f"{shown}:{name}"
    return (root, address) if _ran(root, address) or _declared(root, path, name) else None


def _ran(root: Path, address: str) -> bool:
    from vfs.pipeline.history import History

    return next(History.of(os.fsencode(root)).records(address), None) is not None


def _declared(root: Path, path: bytes, name: str) -> bool:
    from vfs.pipeline.stages import read_pipeline

    try:
        stages = read_pipeline(root, path)
    except VfsError:
        return False
    return any(name in (stage.definition.name, stage.definition.group) for stage in stages)


def show_runs(
    output: Output, stage: tuple[Path, str], typed: str, limit: int, *, printed: bool
) -> None:
    """The last runs; with `printed` what the last of them printed.

    Raises:
        UnknownPath: there was none.
    """
    from vfs.pipeline.history import History

    root, address = stage
    history = History.of(os.fsencode(root))
    found = [run for _, run in zip(range(limit), history.records(address), strict=False)]
    if not found:
        raise UnknownPath(
            f"the stage {address} was never run here", hint=f"vfs repro {shlex.quote(typed)}"
        )
    if printed:
        _show_output(history, found[0][0])
        return
    if output.json:
        for name, record in found:
            output.document("run", {"run": name, **record._asdict()})
        return
    rows = [
        (
            date(int(record.began)), record.outcome, f"{record.duration:7.1f} s", _size(record.read), _size(record.streamed),
            _size(record.fetched), record.commit[:12], record.failure or _inputs(record.params),
        )
        for _, record in found
    ]  # fmt: skip
    output.table(("began", "outcome", "took", "read", "streamed", "fetched", "commit", "parameters, or what went wrong"), rows)  # fmt: skip


def _size(number: int | None) -> str:
    return "" if number is None else format_size(number)


def _show_output(history: "History", name: str) -> None:
    import shutil
    import sys

    try:
        with history.log(name).open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    except FileNotFoundError:
        raise UnknownPath("the last run printed nothing that was kept") from None


def _inputs(params: object) -> str:
    if not isinstance(params, dict):
        return ""
    pairs = [f"{k}={v}" for values in params.values() for k, v in dict(values).items()]
    return " ".join(pairs)[:60]
