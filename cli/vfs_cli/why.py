"""`vfs why`: where the bytes of a path are, what reading it cost so far, and what would make that faster."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vfs.control.protocol import path_fields
from vfs.core.advice import Advice, Facts, advise
from vfs.errors import UnknownPath, VfsError
from vfs_cli.asking import Data, ask
from vfs_cli.exits import CACHE, MOUNT, READ, SNAPSHOT
from vfs_cli.failure import FOUND_WRONG
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, mount_option, repo_option, rev_option
from vfs_cli.output import Output
from vfs_cli.parameters import PATH
from vfs_cli.progress import Progress
from vfs_cli.target import Target, locate, opened, snapshot
from vfs_cli.text import count, format_size, readable, shell_word

if TYPE_CHECKING:
    from vfs.workspace import Snapshot, Workspace

VERSION = 1


@click.command(
    "why",
    cls=VerbCommand,
    examples=(
        ("vfs why /mnt/data/train/a.bin", "of a file in a mount"),
        ("vfs why --rev v1.0 data", "of a directory of another revision: sums"),
        ("vfs why data/a.bin --ask-remotes", "which remote has it, and in which packs"),
        ("vfs why data --json | jq .advice", "for programs"),
    ),
    exits=(*MOUNT, *SNAPSHOT, UnknownPath, *READ, *CACHE),
    wrong="it cannot be served, or some of it",
)
@click.argument("path", type=PATH)
@click.option(
    "--ask-remotes", "asking", is_flag=True, help="Ask remotes whether, and where, they have it."
)
@rev_option
@repo_option
@mount_option
@json_option
def command(
    path: str,
    asking: bool,
    rev: str | None,
    repo: str | None,
    mount: str | None,
    as_json: bool,
) -> None:
    """Tell where the bytes of a path are, what reading it has cost in this mount so far, and what would make it faster.

    What it cost counts reads that were not in the chunk store at once; the others cost nothing. No remote is asked without --ask-remotes.
    """
    from vfs_cli.why_facts import Found, found_at

    output = Output(as_json)
    target, place = locate(path, repo, mount, rev)
    with opened(target) as workspace, Progress(quiet=as_json) as progress:
        shown = snapshot(workspace, target.rev, progress)
        found = _broken(shown, place) or found_at(
            workspace, shown, place, ask=asking, progress=progress.step
        )
        facts = _facts(workspace, target, place, found)
    assert isinstance(found, Found)
    advice = advise(facts)
    if output.json:
        output.document("why", _document(target, place, found, facts, advice))
    else:
        _show(output, target, place, found, facts, advice)
    if facts.problem or found.broken:
        raise click.exceptions.Exit(FOUND_WRONG)


def _broken(shown: "Snapshot", place: bytes) -> Any:
    """What is known of a path that is, or lies below, what cannot be served; None if it can. Raises UnknownPath."""
    from vfs.types import Entry, Kind
    from vfs_cli.why_facts import Found

    try:
        entry = shown.resolve(place)
    except UnknownPath:
        raise
    except VfsError as error:
        return Found("broken", problem=error.message, hint=error.hint or "")
    if not isinstance(entry, Entry) or entry.kind is not Kind.BROKEN:
        return None
    known = next((problem for problem in shown.problems if problem.path == place), None)
    return Found("broken", problem=entry.problem, hint=known.hint if known is not None else "")


def _facts(workspace: "Workspace", target: Target, place: bytes, found: Any) -> Facts:
    """Everything that rules look at."""
    status = ask(target.mount, "statistics")
    if target.mount is not None and found.kind != "broken":
        args: Data = (
            {"digest": str(found.blob.digest), "size": found.blob.size}
            if found.blob is not None
            else path_fields(place)
        )
        found.cost = ask(target.mount, "cost", args)
    store = workspace.store.statistics()
    asked = ask(target.mount, "report").get("periods") or [{}]
    latency = {str(k): float(v) for k, v in (asked[-1].get("latency") or {}).items()}
    return Facts(
        arguments=_arguments(target, place),
        size=found.size,
        files=found.files,
        resident=found.resident,
        local=found.local,
        requests=found.requests,
        layout=found.layout,
        source=found.source,
        nowhere=found.nowhere,
        broken=found.broken,
        problem=found.problem,
        hint=found.hint,
        verified=found.verified,
        waits=int(found.cost.get("waits", 0)),
        stalled=float(found.cost.get("stalled", 0)),
        asked_for=int(found.cost.get("requests", 0)),
        fetched=int(found.cost.get("fetched", 0)),
        read=int(found.cost.get("asked", 0)),
        limit=store.limit,
        used=store.bytes,
        evicted=store.evicted,
        storing=store.writable and not (status.get("store") or {}).get("suspended", False),
        latency=latency,
        refused=tuple(str(name) for name in status.get("refused") or ()),
        mounted=target.mount is not None,
    )


def _arguments(target: Target, place: bytes) -> str:
    """How the path is named to another verb in this directory."""
    cwd = Path.cwd()
    if any(cwd.is_relative_to(top) for top in target.tops):
        rev = [] if target.mount is not None or target.rev == "HEAD" else ["--rev", target.rev]
        return " ".join([*map(shlex.quote, rev), shell_word(target.typed(place) or b":/")])
    by = ["--repo", target.repo, "--rev", target.rev]
    if target.mount is not None:
        by = ["--mount", str(target.mount.mountpoint)]
    return " ".join([*map(shlex.quote, by), shell_word(b":/" + place)])


def _document(
    target: Target, place: bytes, found: Any, facts: Facts, advice: Sequence[Advice]
) -> Data:
    return {
        "version": VERSION,
        **path_fields(place),
        "rev": target.rev,
        "mountpoint": None if target.mount is None else str(target.mount.mountpoint),
        **found.document(),
        "missing": facts.missing,
        "percent": (facts.size and 100 * (facts.size - facts.missing) // facts.size) or 100 * (not facts.missing),
        "cost": found.cost or None,
        "advice": [one._asdict() for one in advice],
    }  # fmt: skip


def _show(
    output: Output,
    target: Target,
    place: bytes,
    found: Any,
    facts: Facts,
    advice: Sequence[Advice],
) -> None:
    output.line(f"{readable(place) or '.'} ({target.rev[:12]})")
    for label, text in found.lines():
        output.line(f"  {label:<12}{text}")
    if found.cost:
        output.line(f"  {'cost so far':<12}{_cost(found.cost)}")
    elif target.mount is None and found.kind != "broken":
        output.line(f"  {'cost so far':<12}not known: it was not looked at through a mount")
    for one in advice:
        output.line(f"  -> {one.message}")
        if one.command:
            output.line(f"     {one.command}")


def _cost(cost: Data) -> str:
    if not any(cost.values()):
        return "nothing: no read of it had to wait, and nothing was fetched"
    waited = f"{count(int(cost['waits']), 'read')} waited {float(cost['stalled']):.3g} s"
    came = f"{format_size(int(cost['fetched']))} in {count(int(cost['requests']), 'request')}"
    ahead = int(cost["read_ahead"]) + int(cost["warm_up"]) + int(cost["along"])
    return f"{waited}; {came}" + (
        f", {format_size(ahead)} of that ahead of readers" if ahead else ""
    )
