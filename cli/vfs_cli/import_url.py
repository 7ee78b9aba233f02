"""`vfs import-url`: what lies at a URL or path as an out."""

import click

from vfs.errors import UsageError
from vfs_cli.group import VerbCommand
from vfs_cli.importing import force_option, importing, no_download_option, out_name
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE, NAME, PATH
from vfs_cli.tracking import WRITE, show


@click.command(
    "import-url",
    cls=VerbCommand,
    examples=(
        ("vfs import-url https://example.com/labels.csv", "a file"),
        ("vfs import-url s3://bucket/raw/images data/images", "everything below a prefix"),
        ("vfs import-url remote://lake/2024 data/2024", "below a configured remote, with its options"),
        ("vfs import-url s3://bucket/big.bin --to-remote", "from there to the remote, for others to pull"),
        ("vfs import-url /mnt/disk/raw data/raw", "a directory of this machine"),
    ),
    exits=WRITE,
)  # fmt: skip
@click.argument("url", type=PATH)
@click.argument("out", type=FILE, required=False)
@no_download_option
@click.option("--to-remote", is_flag=True, help="To a remote, past the cache and the working tree.")
@click.option("-r", "--remote", type=NAME, metavar="NAME", help="With --to-remote: this remote.")
@force_option
@wait_option
@json_option
def command(
    url: str,
    out: str | None,
    no_download: bool,
    to_remote: bool,
    remote: str | None,
    force: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Import what lies at URL (any kind of remote, or a path), a file or a directory, to OUT.

    The pointer records what identifies that version (an ETag, or the MD5 of local files); `vfs update` takes a newer one.
    The data is tracked like any other: `vfs push` stores it.
    """
    if remote is not None and not to_remote:
        raise UsageError("--remote needs --to-remote")
    if to_remote and no_download:
        raise UsageError("--to-remote and --no-download exclude each other")
    output = Output(as_json)
    with importing(out_name(url, out), wait) as work:
        from vfs.sharing.placing import check_free, place
        from vfs.sharing.urls import url_imported, url_of
        from vfs.tracking.upload import target_of

        target = work.paths[0]
        check_free(work.project, target, force=force)
        source = url_of(work.project, url, target, work.target.here)
        to = target_of(work.project, remote) if to_remote else None
        download = not (no_download or to_remote)
        change = url_imported(work.project, source, target, download=download, to=to)
        done = place(work.project, [change], check_out=download, force=force)
    show(output, work, done)
