"""`vfs status`: what is mounted, what it shows and how it does."""

import os
import time
from pathlib import Path
from typing import Any

import click

from vfs.control.client import call, find_mount, find_mounts
from vfs.control.mountinfo import Life, look, orphans
from vfs.control.registry import MountRecord
from vfs.errors import DaemonError, NoSuchMount, VfsError
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.text import age, date, format_size

_ANSWER_SECONDS = 5.0


@click.command(
    "status",
    cls=VerbCommand,
    examples=(
        ("vfs status", "all mounts of this user"),
        ("vfs status /mnt/data", "everything about one"),
        ("vfs status --json", "the same for programs, one object per mount"),
    ),
    exits=(NoSuchMount, DaemonError),
)
@click.argument("mountpoint", required=False)
@json_option
def command(mountpoint: str | None, as_json: bool) -> None:
    """Show what is mounted and how it does.

    Ends with the code of the error if a daemon does not answer.
    """
    output = Output(as_json)
    if mountpoint is not None:
        record = find_mount(mountpoint, Path.cwd())
        status = call(record, "statistics", timeout=_ANSWER_SECONDS)
        _details(output, status)
        return
    answers = [(record, _ask(record)) for record in find_mounts()]
    unknown = orphans((record for record, _ in answers), os.geteuid())
    dead = [str(mount.path) for mount in unknown if look(mount.path) is Life.DEAD]
    if output.json:
        _documents(output, answers, dead)
    else:
        _table(output, answers, dead)
    failed = [answer for _, answer in answers if isinstance(answer, VfsError)]
    if failed:
        raise failed[0]


def _ask(record: MountRecord) -> dict[str, Any] | VfsError:
    try:
        return call(record, "status", timeout=_ANSWER_SECONDS)
    except VfsError as error:
        return error


Answers = list[tuple[MountRecord, dict[str, Any] | VfsError]]


def _documents(output: Output, answers: Answers, dead: list[str]) -> None:
    for record, answer in answers:
        fields = {"mountpoint": str(record.mountpoint), "repo": record.repo, "rev": record.rev}
        if isinstance(answer, VfsError):
            output.document("mount", {**fields, "state": "silent", "error": answer.code})
        else:
            output.document("mount", {**fields, "state": "ready", **answer})
    for path in dead:
        output.document("mount", {"mountpoint": path, "state": "dead"})


def _table(output: Output, answers: Answers, dead: list[str]) -> None:
    if not answers and not dead:
        output.line("nothing is mounted")
        return
    now = time.time()
    rows = [[*_cells(record, answer), age(now - record.started)] for record, answer in answers]
    rows += [[path, "-", "-", "-", "dead: vfs umount " + path, "-"] for path in dead]
    output.table(("MOUNT POINT", "REVISION", "COMMIT", "REPOSITORY", "STATE", "UP"), rows)


def _cells(record: MountRecord, answer: dict[str, Any] | VfsError) -> list[str]:
    if isinstance(answer, VfsError):
        return [str(record.mountpoint), record.rev, "-", record.repo, "does not answer"]
    problems = answer.get("problems")
    state = f"{problems} problems" if problems else "ready"
    commit = str(answer.get("commit") or "-")[:12]
    return [str(record.mountpoint), str(answer.get("rev")), commit, record.repo, state]


def _details(output: Output, status: dict[str, Any]) -> None:
    """Everything a daemon tells, one `name: value` per line; nested groups as `group.name`."""
    if output.json:
        output.document("mount", {"state": "ready", **status})
        return
    for name, value in _flat(status):
        output.line(f"{name}: {_shown(name, value)}")
    for problem in status.get("problem_list") or []:
        label = "note" if problem.get("severity") == "note" else "problem"
        output.line(f"{label}: {problem.get('path')}: {problem.get('message')}")


def _flat(status: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in status.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{before}{name}.")
        elif not isinstance(value, list):
            rows.append((before + name, value))
    return rows


def _shown(name: str, value: Any) -> str:
    last = name.rpartition(".")[2]
    if last == "started" and isinstance(value, int | float):
        return date(value)
    if isinstance(value, int) and ("bytes" in last or last in ("limit", "size", "used")):
        return format_size(value)
    return "-" if value is None else str(value)
