"""Writing what a run of a stage of DVC 0.x had and made: into its `.dvc` file, which is its lock too.

Rule: edited in place; an item whose content is as it was is not touched, whatever its form. `md5` covers the file (`stage_md5`).
"""

from vfs.formats.pointer_text import Described, describe, described, dump_yaml, load_yaml, stage_md5
from vfs.formats.stage_values import Locked, LockedItem


def with_record(old: bytes, file: str, run: Locked) -> bytes:
    """The file after a run; the bytes it had if nothing is different.

    Args:
        old: its bytes.
        file: its name in messages.
        run: what it had and made, by paths as written.

    Raises:
        FormatError: it is no YAML.
    """
    document = load_yaml(old, file)
    for item in document.get("deps") or ():
        path = str(item["path"])
        if item.get("params") is not None and path in run.params:
            item["params"] = dict(run.params[path])
        elif path in run.deps:
            describe(item, described(_content(run.deps[path])))
    for item in document.get("outs") or ():
        known = run.outs.get(str(item["path"]))
        if known is not None:
            describe(item, described(_content(known)))
    if "md5" in document:
        document["md5"] = stage_md5(document)
    new = dump_yaml(document)
    return old if load_yaml(old, file) == document else new


def _content(item: LockedItem) -> Described | None:
    if item.digest is None:
        return None
    return Described(item.digest, item.is_tree, item.size, item.nfiles, item.executable)
