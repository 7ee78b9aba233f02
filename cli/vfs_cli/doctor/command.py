"""`vfs doctor`: run every check and show what it found."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

import click

from vfs.config import Settings, default_settings, environment, load_settings, runtime_dir
from vfs.control.mountinfo import dead_mounts
from vfs.control.registry import find_mounts
from vfs.errors import ConfigError, NotARepository, UnknownRevision, VfsError
from vfs.mount_table import vfs_mounts
from vfs_cli.asking import ask
from vfs_cli.doctor import bundle as bundles
from vfs_cli.doctor import fuse, machine
from vfs_cli.doctor.finding import Finding, State, bad
from vfs_cli.exits import MOUNT
from vfs_cli.failure import FOUND_WRONG
from vfs_cli.group import VerbCommand
from vfs_cli.notices import noticed
from vfs_cli.options import (
    chosen,
    json_option,
    mount_option,
    offline_option,
    repo_option,
    rev_option,
)
from vfs_cli.output import Output
from vfs_cli.parameters import FILE
from vfs_cli.target import WORKTREE, Target, choose
from vfs_cli.text import format_size, wrapped

_MARKS = {State.OK: "ok  ", State.NOTE: "note", State.BAD: "BAD "}


@click.command(
    "doctor",
    cls=VerbCommand,
    examples=(
        ("vfs doctor", "this machine, and the repository of this directory"),
        ("vfs doctor --rev worktree", "pointers that are not committed yet"),
        ("vfs doctor --mount /mnt/data", "what that mount shows"),
        ("vfs doctor --all --offline", "every branch and tag, without asking the remotes"),
        ("vfs doctor --bundle", "a bug report without secrets, and without names of files"),
        ("vfs doctor --json | jq 'select(.state != \"ok\")'", "for programs"),
    ),
    exits=(*MOUNT, NotARepository, UnknownRevision),
    wrong="something will fail, or fails already",
)
@rev_option
@repo_option
@mount_option
@click.option("--all", "every", is_flag=True, help="Look at every branch and tag as well.")
@click.option("-v", "--verbose", is_flag=True, help="Name every path that cannot be served.")
@offline_option
@click.option(
    "--bundle",
    type=FILE,
    is_flag=False,
    flag_value=bundles.DEFAULT,
    metavar="[FILE]",
    help=f"Write a bug report without secrets (default: {bundles.DEFAULT}).",
)
@click.option("--paths", is_flag=True, help="With --bundle: names of files may be in it.")
@json_option
def command(
    rev: str | None,
    repo: str | None,
    mount: str | None,
    every: bool,
    verbose: bool,
    bundle: str | None,
    paths: bool,
    as_json: bool,
) -> None:
    """Tell what limits vfs here, and the exact command that mends it.

    Looks at the machine and, in a repository or a mount, at REV: which paths cannot be served and why, submodules, and
    whether the remotes answer, unless vfs is offline here or in that mount. Of many paths it names the first 20; with --verbose or --json, all. Ends with 1 if something will fail ("BAD"), with 0 if there are only notes.
    """
    output = Output(as_json)
    worst = False
    found: list[Finding] = []
    with noticed():
        for finding in _findings(repo, mount, rev, every=every, verbose=verbose or as_json):
            worst = worst or finding.state is State.BAD
            found.append(finding)
            if bundle is None:
                _show(output, finding)
        if bundle is not None:
            _bundle(output, bundle, found, (repo, mount, rev), paths=paths)
            return
    if worst:
        raise click.exceptions.Exit(FOUND_WRONG)


def _bundle(
    output: Output,
    file: str,
    found: list[Finding],
    where: tuple[str | None, str | None, str | None],
    *,
    paths: bool,
) -> None:
    """Write a bug report, and tell what is in it."""
    from vfs.workspace import open_workspace

    with ExitStack() as stack:
        settings, workspace = default_settings(), None
        with suppress(VfsError):
            target = choose(*where)
            settings = _settings(target, [])
            workspace = stack.enter_context(closing(open_workspace(target.repo, settings)))
        pieces = bundles.collect(workspace, settings, found, paths=paths)
    path = bundles.write(file, pieces)
    for name, content in pieces:
        if output.json:
            output.document("piece", {"name": name, "size": len(content)})
        else:
            output.line(f"  {name:<28}{format_size(len(content)):>10}")
    if output.json:
        output.document("bundle", {"file": str(path), "paths": paths})
    else:
        output.line(f"{path}: read it before you send it")


def _findings(
    repo: str | None, mount: str | None, rev: str | None, *, every: bool, verbose: bool
) -> Iterator[Finding]:
    """Everything that was found; what the command line names and is not there is an error, not a finding.

    Raises:
        NotARepository, NoSuchMount, DaemonError, UnknownRevision: it is not there.
    """
    early: list[Finding] = []
    target: Target | None = None
    try:
        target = choose(repo, mount, rev)
    except NotARepository:
        if rev is not None or every:
            raise
    except VfsError as error:
        if repo is not None or mount is not None:
            raise
        early.append(bad("mount", error.message, error.hint or ""))
    settings = _settings(target, early)
    if target is None:
        yield from (*early, *_machine(settings, None))
        return
    root = Path(target.repo)
    from vfs.workspace import open_workspace
    from vfs_cli.doctor import repository

    try:
        workspace = open_workspace(target.repo, settings)
    except VfsError as error:
        if repo is not None and isinstance(error, NotARepository):
            raise
        yield from (*early, *_machine(settings, root), repository.failed("repository", error))
        return
    with closing(workspace):
        if rev is not None and rev != WORKTREE:
            workspace.repository.resolve(rev)
        yield from (*early, *_machine(settings, root))
        yield from repository.check(workspace, target.rev, every=every, verbose=verbose)


def _settings(target: Target | None, early: list[Finding]) -> Settings:
    """What is configured; offline as well if the mount that is meant is."""
    root = None if target is None else Path(target.repo)
    mount = None if target is None else target.mount
    try:
        settings = load_settings(
            root if root and root.is_absolute() and root.is_dir() else None, chosen()
        )
        offline = settings.offline or bool(ask(mount, "status").get("offline"))
        return replace(settings, offline=offline)
    except ConfigError as error:
        early.append(bad("configuration", error.message, error.hint or "correct the file"))
        return default_settings()


def _machine(settings: Settings, root: Path | None) -> Iterator[Finding]:
    """Everything about this machine, in the order in which it would bite."""
    uid = os.geteuid()
    yield fuse.fuse_device()
    yield fuse.fusermount()
    yield fuse.right_to_mount()
    yield fuse.transport(settings.transport)
    yield fuse.allow_other()
    ours = [mount for mount in vfs_mounts() if mount.uid in (uid, None)]
    mounts = find_mounts()
    dead = dead_mounts(mounts, uid)
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
    yield machine.private_view(machine.scratch_place(root))
    yield from machine.daemon_files((mount.mountpoint, mount.pid) for mount in mounts)
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
