"""`vfs migrate`: pointers and locks of DVC 0.x to 2 become those of DVC 3."""

import click

from vfs.errors import RepositoryBusy, UnknownPath, WouldOverwrite
from vfs_cli.exits import CACHE, READ, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.sharing import working
from vfs_cli.text import count, readable

_SHOWN = 20


@click.command(
    "migrate",
    cls=VerbCommand,
    examples=(
        ("vfs migrate --dry-run", "what would be rewritten, and what must be fetched first"),
        ("vfs migrate && vfs push", "one commit; then colleagues can pull"),
        ("git revert HEAD", "the old pointers again; their data is still there"),
    ),
    exits=(*SNAPSHOT, UnknownPath, *READ, *CACHE, RepositoryBusy, WouldOverwrite),
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done; change nothing.")
@wait_option
@json_option
def command(dry_run: bool, wait: float, as_json: bool) -> None:
    """Turn pointers and locks of DVC 0.x to 2 into those of DVC 3, in one commit.

    Contents that DVC's cache lacks are fetched first; if any cannot be had, it is named and nothing is changed. Objects
    get their new names as hard links, which takes no room; the old names stay, so the commit can be reverted. What the
    working tree holds is not touched. Stages of DVC 0.x (pointers with a command) become those of a dvc.yaml. Old hashes in a
    lock that nothing here explains stay as they are.
    """
    from vfs.sharing.migrate import Migration
    from vfs.tracking.uses import locked

    output = Output(as_json)
    with working((), None, output) as work:
        migration = Migration(work.workspace, work.progress.step)
        uses = migration.uses()
        done = migration.done
        with locked(work.workspace, () if dry_run else uses, wait):
            try:
                migration.run(uses, dry=dry_run)
            finally:
                work.progress.clear()
                for number, (path, error) in enumerate(done.missing):
                    if number < _SHOWN or output.json:
                        output.warning(f"{readable(path)}: {error.message}")
    for note in done.notes:
        output.warning(note)
    fields = {"outs": done.outs, "files": len(done.files), "objects": done.objects}
    if output.json:
        output.document("migrate", fields | {"missing": len(done.missing), "commit": done.commit})
        return
    for path in done.files:
        output.path(path)
    if not done.files:
        output.line("Nothing is in the form of DVC 2 or older.")
    elif dry_run:
        output.line(
            f"{count(done.outs, 'output')} would be migrated, {len(done.missing)} missing files fetched"
        )
    else:
        output.line(f"{count(done.outs, 'output')} migrated in commit {done.commit[:10]}")
        output.line("To send the new objects, run: vfs push")
