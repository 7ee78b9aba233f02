"""`vfs add`: track files and directories."""

import click

from vfs.errors import UsageError
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE, NAME
from vfs_cli.progress import Progress
from vfs_cli.tracking import WRITE, show, working


@click.command(
    "add",
    cls=VerbCommand,
    examples=(
        ("vfs add data", "a directory; again after changes: only what changed is read"),
        ("vfs add data/new.jpg", "one file of a tracked directory, which need not be here"),
        ("vfs add /mnt/disk/raw -o data/raw", "a copy of what lies outside the repository"),
        ("vfs add big.bin --to-remote", "upload it, keep nothing in the cache"),
        (
            "vfs add --no-copy raw && vfs push",
            "the files themselves are the only copy until pushed",
        ),
    ),
    exits=WRITE,
)
@click.argument("targets", type=FILE, nargs=-1, required=True, metavar="TARGET…")
@click.option(
    "-o", "--out", type=FILE, metavar="OUT", help="Copy one TARGET to OUT and track that."
)
@click.option("--to-remote", is_flag=True, help="Upload while reading, keep nothing in the cache.")
@click.option(
    "--no-copy",
    is_flag=True,
    help="Keep contents where they are instead of copying them into the cache; push reads them there.",
)
@click.option("-r", "--remote", type=NAME, metavar="NAME", help="With --to-remote: this remote.")
@click.option("--desc", type=NAME, metavar="TEXT", help="Write a description into the pointer.")
@click.option("--glob", "is_glob", is_flag=True, help="Targets are patterns; '**' matches '/'.")
@click.option(
    "--force", is_flag=True,
    help="Drop listed files that were never checked out; replace OUT or a stray pointer.",
)  # fmt: skip
@wait_option
@json_option
def command(
    targets: tuple[str, ...],
    out: str | None,
    to_remote: bool,
    no_copy: bool,
    remote: str | None,
    desc: str | None,
    is_glob: bool,
    force: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Track files and directories: contents go into the DVC cache, pointers (.dvc) are for Git.

    A TARGET inside a tracked directory updates that directory's list; the rest of it is not looked at and need not be
    here. What is gone from TARGET leaves the list; what was never checked out is not gone (`vfs remove` takes it off).

    With --no-copy the disk holds nothing twice: until `vfs push` the files are the only copy, and `vfs status` names those
    that are. A file that changes before takes its former content with it; `dvc` sees objects that its cache lacks.
    """
    if remote is not None and not to_remote:
        raise UsageError("--remote needs --to-remote")
    if no_copy and (to_remote or out is not None):
        raise UsageError("--no-copy excludes --to-remote and --out")
    if out is not None and (len(targets) > 1 or is_glob):
        raise UsageError("--out takes one target")
    output = Output(as_json)
    names = _expanded(targets) if is_glob else list(targets)
    with (
        Progress() as progress,
        working([out] if out is not None else names, wait, progress) as work,
    ):
        if out is not None:
            from vfs.tracking.bring import add_from

            done = add_from(
                work.project, targets[0], work.paths[0], desc=desc or "", force=force,
                to_remote=to_remote, remote=remote,
            )  # fmt: skip
        elif to_remote:
            from vfs.tracking.upload import add_to_remote

            done = add_to_remote(work.project, work.paths, remote, desc=desc or "", force=force)
        else:
            import gc

            from vfs.tracking.add import add

            gc.disable()  # it would look for circles among the files, of which there are none
            try:
                done = add(work.project, work.paths, desc=desc or "", force=force, copy=not no_copy)
            finally:
                gc.enable()
        progress.clear()
        show(output, work, done)


def _expanded(patterns: tuple[str, ...]) -> list[str]:
    """The paths that patterns match. Raises UsageError for one that matches nothing."""
    import glob

    found: dict[str, None] = {}
    for pattern in patterns:
        paths = sorted(glob.iglob(pattern, recursive=True))
        if not paths:
            raise UsageError(f"nothing matches {pattern!r}")
        found |= dict.fromkeys(path for path in paths if not path.endswith(".dvc"))
    return list(found)
