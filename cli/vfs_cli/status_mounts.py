"""The mounts part of `vfs status`."""

import os
import time
from pathlib import Path
from typing import Any

from vfs.control.client import call, find_mounts
from vfs.control.mountinfo import dead_mounts
from vfs.control.registry import MountRecord
from vfs.errors import VfsError
from vfs_cli.mount_report import describe
from vfs_cli.output import Output
from vfs_cli.text import age, count

_ANSWER_SECONDS = 5.0


def show_mount(output: Output, record: MountRecord, *, verbose: bool, quiet: bool) -> bool:
    """One mount, with all it tells; whether something of it cannot be served. Quietly, it prints nothing."""
    status = call(record, "statistics", timeout=_ANSWER_SECONDS)
    if quiet:
        return bool(status.get("problems"))
    if output.json:
        output.document("mount", {"state": "ready", **status})
    else:
        describe(output, status, time.time(), verbose=verbose)
    return False


def all_usable() -> bool:
    """Whether no mount of this user is dead, or shows what cannot be served.

    Raises:
        VfsError: a daemon does not answer.
    """
    records = find_mounts()
    broken = [
        record
        for record in records
        if call(record, "status", timeout=_ANSWER_SECONDS).get("problems")
    ]
    return not broken and not dead_mounts(records, os.geteuid())


def show_mounts(output: Output, repo: Path | None) -> bool:
    """The mounts of a repository, or all of this user, dead ones too; whether there are any.

    Raises:
        VfsError: a daemon does not answer; the others were shown.
    """
    records = find_mounts()
    gone_mounts = dead_mounts(records, os.geteuid())
    if repo is not None:
        gone_mounts = [mount for mount in gone_mounts if mount.repo == str(repo)]
    wanted = [record for record in records if repo is None or record.repo == str(repo)]
    answers = [(record, _ask(record)) for record in wanted]
    dead = [mount.path for mount in gone_mounts]
    if output.json:
        _documents(output, answers, dead)
    elif answers or dead:
        _table(output, answers, dead)
    failed = [answer for _, answer in answers if isinstance(answer, VfsError)]
    if failed:
        raise failed[0]
    return bool(answers or dead)


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
    now = time.time()
    rows = [[*_cells(record, answer), age(now - record.started)] for record, answer in answers]
    rows += [[str(path), "-", "-", "-", f"dead: vfs umount {path}", "-"] for path in dead]
    output.table(("MOUNT POINT", "REVISION", "COMMIT", "REPOSITORY", "STATE", "UP"), rows)


def _cells(record: MountRecord, answer: dict[str, Any] | VfsError) -> list[str]:
    if isinstance(answer, VfsError):
        return [str(record.mountpoint), record.rev, "-", record.repo, "does not answer"]
    problems = answer.get("problems")
    state = count(problems, "problem") if problems else "ready"
    if answer.get("offline"):
        state = f"offline, {state}" if problems else "offline"
    commit = str(answer.get("commit") or "-")[:12]
    return [str(record.mountpoint), str(answer.get("rev")), commit, record.repo, state]
