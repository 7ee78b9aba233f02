"""`vfs doctor`: run every check and show what it found."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

from vfs.config import Settings, default_settings, environment, load_settings, runtime_dir
from vfs.control.mountinfo import Life, look, orphans, vfs_mounts
from vfs.control.registry import find_mounts, repository_root
from vfs.errors import ConfigError, NotARepository, VfsError
from vfs_cli.doctor import fuse, machine
from vfs_cli.doctor.finding import Finding, State, bad
from vfs_cli.group import VerbCommand
from vfs_cli.notices import noticed
from vfs_cli.options import json_option, rev_option
from vfs_cli.output import Output
from vfs_cli.target import choose
from vfs_cli.text import wrapped

_MARKS = {State.OK: "ok  ", State.NOTE: "note", State.BAD: "BAD "}


@click.command(
    "doctor",
    cls=VerbCommand,
    examples=(
        ("vfs doctor", "this machine, and the repository of this directory"),
        ("vfs doctor --rev worktree", "pointers that are not committed yet"),
        ("vfs doctor --all --offline", "every branch and tag, without asking the remotes"),
        ("vfs doctor --json | jq 'select(.state != \"ok\")'", "for programs"),
    ),
    exits=(NotARepository, ConfigError),
)
@rev_option
@click.option("--all", "every", is_flag=True, help="Look at every branch and tag as well.")
@click.option("--offline", is_flag=True, help="Do not contact remotes.")
@json_option
def command(rev: str | None, every: bool, offline: bool, as_json: bool) -> None:
    """Tell what limits vfs here, and the exact command that mends it.

    Looks at the machine and, in a repository or a mount, at REV: which paths cannot be served and why, submodules, and
    whether the remotes answer. Ends with 1 if something will fail ("BAD"), with 0 if there are only notes.
    """
    output = Output(as_json)
    worst = False
    with noticed():
        for finding in _findings(rev, every=every, offline=offline):
            worst = worst or finding.state is State.BAD
            _show(output, finding)
    if worst:
        raise click.exceptions.Exit(1)


def _findings(rev: str | None, *, every: bool, offline: bool) -> Iterator[Finding]:
    root = repository_root(Path.cwd())
    try:
        settings = load_settings(root)
    except ConfigError as error:
        yield bad("configuration", error.message, error.hint or "correct the file")
        settings = default_settings()
    yield from _machine(settings)
    try:
        target = choose(None, None, rev)
    except NotARepository:
        if rev is not None or every:
            raise
        return
    except VfsError as error:
        yield bad("mount", error.message, error.hint or "")
        return
    from vfs_cli.doctor import repository

    yield from repository.check(target.repo, target.rev, settings, every=every, offline=offline)


def _machine(settings: Settings) -> Iterator[Finding]:
    """Everything about this machine, in the order in which it would bite."""
    uid = os.geteuid()
    yield fuse.fuse_device()
    yield fuse.fusermount()
    yield fuse.right_to_mount()
    yield fuse.allow_other()
    ours = [mount for mount in vfs_mounts() if mount.uid in (uid, None)]
    dead = [mount for mount in orphans(find_mounts(), uid) if look(mount.path) is Life.DEAD]
    alive = [mount for mount in ours if mount not in dead]
    yield from fuse.dead_mounts(dead)
    yield from fuse.read_ahead(alive, settings.read_ahead)
    yield from fuse.max_background(alive, settings.max_background)
    yield machine.cache_place(settings.cache_dir)
    yield machine.cache_writable(settings.cache_dir)
    yield machine.cache_space(settings)
    yield machine.catalog(settings.cache_dir)
    yield machine.memory(settings)
    yield machine.open_files()
    yield from machine.private_directories(environment().get("XDG_RUNTIME_DIR"), runtime_dir(), uid)


def _show(output: Output, finding: Finding) -> None:
    if output.json:
        fields = finding._asdict() | {"state": finding.state.value, "fix": finding.fix or None}
        output.document("check", fields)
        return
    text = f"{_MARKS[finding.state]}  {finding.name}: {finding.message}"
    if output.terminal:
        text = wrapped(text, indent=6)
    for line in text.split("\n"):
        output.line(line)
    if finding.fix:
        output.line(f"      -> {finding.fix}")
