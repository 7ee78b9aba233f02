"""What `vfs gc --remote` says of a packed remote."""

from typing import TYPE_CHECKING

from vfs_cli.output import Output
from vfs_cli.text import count, date, format_size

if TYPE_CHECKING:
    from vfs.packed.collect import Garbage


def show_garbage(output: Output, done: "Garbage", dry: bool) -> None:
    """Names and bytes of what went, waits or moved."""
    for note in done.notes:
        output.warning(note)
    packs = (("removed", done.swept), ("condemned", done.condemned), ("repacked", done.repacked))
    objects = [("restored", key, 0) for key in done.restored]
    objects += [("removed", info.key, info.size) for info in done.removed]
    objects += [(what, one.pack.key, one.size) for what, some in packs for one in some]
    freed, waits = (sum(one.size for one in some) for some in (done.swept, done.condemned))
    if output.json:
        for what, key, size in objects:
            output.document("garbage", {"object": key, "size": size, "what": what})
        fields = {
            "place": done.place,
            "removed": len(done.removed) + len(done.swept),
            "freed": freed,
        }
        fields |= {"kept": done.kept, "young": done.young, "dry_run": dry}
        fields |= {"condemned": len(done.condemned), "condemned_size": waits, "moved": done.moved}
        fields |= {"waiting": len(done.waiting), "due": round(done.due), "spared": done.spared}
        output.document("gc", fields)
        return
    if dry:
        for what, key, size in objects:
            output.line(f"{what:<10} {key}  {format_size(size)}")
    verb = "would be " if dry else ""
    output.line(
        f"{done.place}: {count(len(done.removed), 'manifest')} and {count(len(done.swept), 'pack')} {verb}removed "
        f"({format_size(freed)}), {len(done.condemned)} {verb}condemned ({format_size(waits)}), "
        f"{len(done.repacked)} {verb}repacked, {done.kept} kept"
    )
    if done.restored:
        output.note(f"{count(len(done.restored), 'removed manifest')} {verb}restored: needed again")
    waiting = done.waiting + ([] if dry else done.condemned)
    if waiting:
        bytes_ = format_size(sum(one.size for one in waiting))
        output.note(
            f"{count(len(waiting), 'condemned pack')} ({bytes_}): `vfs gc` again from {date(done.due)} on"
        )
    if done.young:
        output.note(f"younger than --older-than, so kept: {count(done.young, 'object')}")
