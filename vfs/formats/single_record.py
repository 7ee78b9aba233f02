"""Writing what a run of a stage of DVC 0.x had and made: into its `.dvc` file, which is its lock too.

Format: the bytes that DVC 2 writes, the last to run such stages: flags that say nothing, and `wdir: .`, go; `md5` covers the file (`stage_md5`).

Rule: edited in place; an item whose content is as it was is not touched, whatever its form.
"""

from typing import Any, Final

from vfs.formats.pointer_text import Described, describe, described, dump_yaml, load_yaml, stage_md5
from vfs.formats.stage_values import Locked, LockedItem

_SAY_NOTHING: Final = (("cache", True), ("persist", False), ("metric", False), ("plot", False))


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
    if load_yaml(old, file) == document:
        return old
    _clean(document)
    document["md5"] = stage_md5(document)
    return dump_yaml(document)


def _clean(document: Any) -> None:
    """Drop what only DVC 0.x wrote, and what is so anyway."""
    for item in (*(document.get("deps") or ()), *(document.get("outs") or ())):
        for key, value in _SAY_NOTHING:
            if item.get(key) is value:
                del item[key]
    if document.get("wdir") == ".":
        del document["wdir"]
    if document.pop("locked", False):
        document["frozen"] = True


def _content(item: LockedItem) -> Described | None:
    if item.digest is None:
        return None
    return Described(item.digest, item.is_tree, item.size, item.nfiles, item.executable)
