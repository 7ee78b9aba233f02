"""`vfs prefetch`: fetch data into the cache ahead of reading it, through a mount or without one."""

import sys
from typing import Any

import click

from vfs.control.client import call
from vfs.control.registry import MountRecord
from vfs.errors import (
    DataUnavailable,
    UnknownPath,
    UsageError,
)
from vfs_cli.exits import CACHE, MOUNT, READ, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, mount_option, offline_option, repo_option, rev_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE, NAME, PATH, PATTERN
from vfs_cli.progress import Progress
from vfs_cli.target import Target, choose
from vfs_cli.text import count, format_size

_LIST_LIMIT = 64 << 20
_BATCH_BYTES = 512 << 10
"""Paths of one request to a daemon; a frame holds at most 1 MiB."""


@click.command(
    "prefetch",
    cls=VerbCommand,
    examples=(
        ("vfs prefetch data/train", "everything below a directory"),
        ("vfs prefetch --glob 'data/*.parquet' --rev v2", "by pattern, of another revision"),
        ("vfs prefetch --from batch.txt", "the paths listed in a file, '-' for standard input"),
        ("vfs prefetch --pin train data/train", "and keep them when the cache is full"),
    ),
    exits=(*MOUNT, *SNAPSHOT, UnknownPath, *READ, *CACHE),
)
@click.argument("paths", type=PATH, nargs=-1, metavar="[PATH…]")
@click.option(
    "--from", "listing", type=FILE, metavar="FILE", help="Read paths from FILE, one per line."
)
@click.option(
    "--glob",
    "pattern",
    type=PATTERN,
    metavar="G",
    help="Only paths that match; '*' also matches '/'.",
)
@click.option(
    "--pin", type=NAME, metavar="NAME",
    help="Keep them in the cache, whatever else comes, until `vfs cache unpin NAME`.",
)  # fmt: skip
@rev_option
@offline_option
@repo_option
@mount_option
@json_option
def command(
    paths: tuple[str, ...],
    listing: str | None,
    pattern: str | None,
    pin: str | None,
    rev: str | None,
    repo: str | None,
    mount: str | None,
    as_json: bool,
) -> None:
    """Fetch whole files into the cache that all mounts share.

    Without a path, pattern or list: everything. In a mount, or with --mount, its daemon fetches. Files that this
    machine has as plain files (a DVC cache, Git LFS) are read there and not copied; from DVC's caches, and from remotes, `vfs gc` of this
    machine removes nothing that a pin needs. More than the cache may
    hold is refused before anything is fetched.
    """
    output = Output(as_json)
    target = choose(repo, mount, rev)
    wanted = [target.path(text) for text in (*paths, *_listed(listing))]
    if listing is not None and not wanted:
        output.line("nothing to fetch")
        return
    args = {"glob": pattern, "pin": pin, "rev": target.rev}
    names = [path.decode("utf-8", "surrogateescape") for path in wanted]
    with Progress(quiet=as_json) as progress:
        if target.mount is not None:
            result = _ask(target.mount, names, args, progress)
        else:
            result = _alone(target, names, args, progress)
    if pattern is not None and not result.get("files"):
        raise UnknownPath(f"nothing matches {pattern!r}", hint="vfs ls -R shows every path")
    _show(output, result)
    failed = result.get("failed_files")
    if failed:
        reasons = result.get("problems") or ["no reason given"]
        raise DataUnavailable(
            f"{count(failed, 'file')} cannot be fetched: {reasons[0]}{', …' if failed > 1 else ''}",
            hint="vfs doctor names what cannot be served, and asks every remote",
        )


def _listed(listing: str | None) -> list[str]:
    """The lines of a list of paths; empty ones are left out."""
    if listing is None:
        return []
    try:
        if listing == "-":
            data = sys.stdin.buffer.read(_LIST_LIMIT + 1)
        else:
            with open(listing, "rb") as file:
                data = file.read(_LIST_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{listing}: cannot be read: {error.strerror}") from error
    if len(data) > _LIST_LIMIT:
        raise UsageError(f"{listing}: is larger than {_LIST_LIMIT} bytes")
    return [line.decode("utf-8", "surrogateescape") for line in data.split(b"\n") if line]


def _ask(
    record: MountRecord, names: list[str], args: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    """Let the daemon fetch; long lists go in several requests, whose figures are added up."""
    total: dict[str, Any] = {}
    for batch in _batches(names):
        answer = call(record, "prefetch", {**args, "paths": batch}, progress.data)
        for name, value in answer.items():
            total[name] = total[name] + value if name in total else value
    return total


def _batches(names: list[str]) -> list[list[str]]:
    batches: list[list[str]] = [[]]
    size = 0
    for name in names:
        size += (
            6 * len(name) + 4
        )  # a character takes at most 6 bytes in JSON's escapes (12 beyond the BMP)
        if size > _BATCH_BYTES:
            batches.append([])
            size = 6 * len(name)
        batches[-1].append(name)
    return batches


def _alone(
    target: Target, names: list[str], args: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    from vfs_cli.fetching import prefetch

    return prefetch(target, {**args, "paths": names}, progress)


def _show(output: Output, result: dict[str, Any]) -> None:
    if output.json:
        output.document("prefetch", result)
        return
    here = result.get("resident_files", 0) + result.get("local_files", 0)
    fetched, size = result.get("fetched_files", 0), format_size(int(result.get("fetched_bytes", 0)))
    already = f"{here} {'was' if here == 1 else 'were'} here already"
    output.line(f"{count(fetched, 'file')} fetched ({size}), {already}")
