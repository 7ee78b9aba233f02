"""`vfs fsck`: is everything that is needed there, and what its name says?"""

from typing import TYPE_CHECKING

import click

from vfs.control.protocol import path_fields
from vfs.errors import RepositoryBusy
from vfs_cli.exits import CACHE, READ, SNAPSHOT
from vfs_cli.failure import FOUND_WRONG
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME, REV
from vfs_cli.sharing import Options, working
from vfs_cli.text import count, readable

if TYPE_CHECKING:
    from vfs.sharing.fsck import Finding, Fsck
    from vfs.sharing.packed_fsck import PackedFinding
    from vfs.workspace import Workspace

_SHOWN = 20


@click.command(
    "fsck",
    cls=VerbCommand,
    examples=(
        ("vfs fsck", "what DVC's cache lacks of the working tree, or has wrong"),
        ("vfs fsck --content --repair", "read everything; mend it from remotes"),
        ("vfs fsck --all-commits --remote store", "a remote, by names and sizes"),
    ),
    exits=(*SNAPSHOT, *READ, *CACHE, RepositoryBusy),
    wrong="something is missing, or not what its name says",
)
@click.option("-r", "--remote", type=NAME, metavar="NAME", help="Check this remote instead.")
@click.option(
    "--rev", "revs", type=REV, multiple=True, metavar="REV",
    help="What REV uses; may be repeated (default: the pointers as they lie here).",
)  # fmt: skip
@click.option("-a", "--all-branches", is_flag=True, help="What any branch uses, and this tree.")
@click.option("-T", "--all-tags", is_flag=True, help="What any tag uses, and this tree.")
@click.option("-A", "--all-commits", is_flag=True, help="What any commit uses, and this tree.")
@click.option("--content", is_flag=True, help="Read and hash every object.")
@click.option("--repair", is_flag=True, help="Mend it from any place that has the right bytes.")
@wait_option
@json_option
def command(
    remote: str | None,
    revs: tuple[str, ...],
    all_branches: bool,
    all_tags: bool,
    all_commits: bool,
    content: bool,
    repair: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Check DVC's cache, or a remote: name what is missing, truncated, altered, or named by no commit.

    Without --content, lists of files are hashed, and files whose size or mode is not as expected. --repair takes what the
    cache lacks or has wrong from the working tree or any remote, what a remote lacks or has wrong from the cache or another remote, and checks it on the way.
    What a collection of a remote has condemned is wrong if it is needed, and mended by putting it again.
    Objects that no commit names are not wrong, nor are temporary files that killed pushes left in a remote's directory a day ago:
    'vfs gc' removes them. Of a packed remote the manifests of the scope and the tables of their packs are
    compared; --content reads every pack. What --repair needs there may also come from the chunk cache.
    """
    from vfs.sharing.fsck import LEFTOVER, Fsck
    from vfs.sharing.packed_fsck import PackedFinding, PackedFsck
    from vfs.tracking.uses import locked

    output = Output(as_json)
    chosen = Options(remote, None, revs, all_branches, all_tags, all_commits, False)
    found: list[Finding | PackedFinding]
    with working((), None, output) as work:
        used = work.used(chosen)
        check = Fsck(work.workspace, used, work.progress.step, content=content)
        with locked(work.workspace, used.uses if repair else (), wait):
            if remote is None:
                mine = check.caches()
                if repair:
                    check.repair_caches(mine)
                found = [*mine]
            elif packed := check.packed(remote):
                found = []
                for ref in packed:
                    one = PackedFsck(work.workspace, ref, used, work.progress.step, content=content)
                    some = one.check()
                    if repair:
                        one.repair(some)
                    found += some
            else:
                found = _plain(work.workspace, check, remote, repair)
            for left in check.leftovers(remote) if remote is not None else ():
                found.append(PackedFinding(left.path, LEFTOVER, size=left.size))
    _show(output, found)
    if check.unlisted:
        output.note("a list of files cannot be read, so which objects no commit names is not known")
    if any(one.wrong for one in found):
        raise click.exceptions.Exit(FOUND_WRONG)


def _plain(
    workspace: "Workspace", check: "Fsck", remote: str, repair: bool
) -> "list[Finding | PackedFinding]":
    """A remote in DVC's layout."""
    from vfs.state import Seen, spare_table

    layout = check.layout(remote)
    found = check.remote(layout, remote)
    if any(one.wrong for one in found):
        with spare_table(workspace.repository.git_dir) as table:
            Seen(table, layout.service).forget_remote()
    if repair:
        check.repair_remote(layout, found)
    return [*found]


def _show(output: Output, found: "list[Finding | PackedFinding]") -> None:
    shown: dict[str, int] = {}
    for one in found:
        shown[one.what] = shown.get(one.what, 0) + 1
        if output.json:
            fields = {
                "object": one.name,
                "what": one.what,
                "repaired": one.repaired,
                "size": one.size,
            }
            output.document("finding", fields | path_fields(one.path) | {"why": one.why})
        elif shown[one.what] <= _SHOWN:
            state = "repaired" if one.repaired else one.what
            of = f"  of {readable(one.path)}" if one.path else ""
            output.line(
                f"{state:<10} {one.name}{of}" + (f": {one.why}" if one.wrong and one.why else "")
            )
    wrong = sum(one.wrong for one in found)
    repaired = sum(one.repaired for one in found)
    orphans = shown.get("orphan", 0)
    if output.json:
        output.document("fsck", {"wrong": wrong, "repaired": repaired, "orphans": orphans})
        return
    output.line(
        f"{count(wrong, 'object')} wrong, {repaired} repaired, {orphans} that no commit names"
    )
