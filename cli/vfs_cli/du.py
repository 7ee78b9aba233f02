"""`vfs du`: bytes of tracked data, and what revisions share."""

import click

from vfs.control.protocol import path_fields
from vfs_cli.exits import CACHE, READ, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import REV
from vfs_cli.sharing import working
from vfs_cli.text import count, format_size, readable


@click.command(
    "du",
    cls=VerbCommand,
    examples=(
        ("vfs du", "each tracked file and directory here"),
        ("vfs du v1 v2", "what the two have in common, and each alone"),
    ),
    exits=(*SNAPSHOT, *READ, *CACHE),
)
@click.argument("revs", type=REV, nargs=-1, metavar="[REV…]")
@json_option
def command(revs: tuple[str, ...], as_json: bool) -> None:
    """Show how many bytes tracked data has, in the working tree or in some revisions.

    UNIQUE is what only one of the revisions has, SHARED the rest. A content that occurs twice in an output counts once.
    Sizes come from DVC's cache and the pointers; no remote is asked, so files that were never here may count as unknown.
    """
    from vfs.sharing.du import usage

    output = Output(as_json)
    with working((), None, output) as work:
        rows, total = usage(work.workspace, revs, work.progress.step)
    if output.json:
        for row in rows:
            fields = {"rev": row.rev, "size": row.size, "unique": row.unique, "shared": row.shared}
            more = {"cached": row.cached, "unknown": row.unknown}
            output.document("out", {**path_fields(row.path), **fields, **more})
        output.document("du", {"outs": len(rows), "size": total})
        return
    if rows:
        cells = [
            [
                *map(format_size, (row.size, row.unique, row.shared, row.cached)),
                row.rev,
                readable(row.path) + (f" ({row.unknown} of unknown size)" if row.unknown else ""),
            ]
            for row in rows
        ]
        output.table(("SIZE", "UNIQUE", "SHARED", "IN CACHE", "REVISION", "OUTPUT"), cells)
    output.line(f"{count(len(rows), 'output')}, {format_size(total)} in all")
