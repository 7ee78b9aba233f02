"""`vfs status`: what is mounted, what it shows and how it does."""

import os
import time
from pathlib import Path
from typing import Any

import click

from vfs.control.client import call, find_mounts
from vfs.control.mountinfo import dead_mounts
from vfs.control.registry import MountRecord
from vfs.errors import UsageError, VfsError
from vfs_cli.exits import MOUNT
from vfs_cli.group import VerbCommand
from vfs_cli.mount_report import describe
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import MOUNT_POINT
from vfs_cli.target import mounted
from vfs_cli.text import age, count

_ANSWER_SECONDS = 5.0


@click.command(
    "status",
    cls=VerbCommand,
    examples=(
        ("vfs status", "all mounts of this user"),
        ("vfs status /mnt/data", "one: what it shows, what it fetched, what went wrong"),
        ("vfs status --json", "the same for programs, one object per mount"),
    ),
    exits=MOUNT,
)
@click.argument("mountpoint", type=MOUNT_POINT, required=False)
@click.option("-v", "--verbose", is_flag=True, help="Add every counter of the mount's daemon.")
@json_option
def command(mountpoint: str | None, verbose: bool, as_json: bool) -> None:
    """Show what is mounted and how it does.

    Without MOUNTPOINT, a table of all mounts; dead ones are in it, which is no error. Ends with the code of the error if the daemon of
    MOUNTPOINT is gone, or one that runs does not answer.
    """
    output = Output(as_json)
    if mountpoint is not None:
        record = mounted(mountpoint, Path.cwd())
        status = call(record, "statistics", timeout=_ANSWER_SECONDS)
        if output.json:
            output.document("mount", {"state": "ready", **status})
        else:
            describe(output, status, time.time(), verbose=verbose)
        return
    if verbose:
        raise UsageError("--verbose is about one mount", hint="vfs status --verbose MOUNTPOINT")
    answers = [(record, _ask(record)) for record in find_mounts()]
    dead = [mount.path for mount in dead_mounts((record for record, _ in answers), os.geteuid())]
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


def _documents(output: Output, answers: Answers, dead: list[Path]) -> None:
    for record, answer in answers:
        fields = {"mountpoint": str(record.mountpoint), "repo": record.repo, "rev": record.rev}
        if isinstance(answer, VfsError):
            output.document("mount", {**fields, "state": "silent", "error": answer.code})
        else:
            output.document("mount", {**fields, "state": "ready", **answer})
    for path in dead:
        output.document("mount", {"mountpoint": str(path), "state": "dead"})


def _table(output: Output, answers: Answers, dead: list[Path]) -> None:
    if not answers and not dead:
        output.line("nothing is mounted")
        return
    now = time.time()
    rows = [[*_cells(record, answer), age(now - record.started)] for record, answer in answers]
    rows += [[str(path), "-", "-", "-", f"dead: vfs umount {path}", "-"] for path in dead]
    output.table(("MOUNT POINT", "REVISION", "COMMIT", "REPOSITORY", "STATE", "UP"), rows)


def _cells(record: MountRecord, answer: dict[str, Any] | VfsError) -> list[str]:
    if isinstance(answer, VfsError):
        return [str(record.mountpoint), record.rev, "-", record.repo, "does not answer"]
    problems = answer.get("problems")
    state = count(problems, "problem") if problems else "ready"
    commit = str(answer.get("commit") or "-")[:12]
    return [str(record.mountpoint), str(answer.get("rev")), commit, record.repo, state]
