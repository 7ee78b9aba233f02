"""Writing `.dvc` files: the bytes that DVC writes.

Format (source: DVC's `stage/serialize.py`, `output.py`; `docs/formats.md`): YAML 1.2 as ruamel.yaml
dumps it; of an out the keys md5, size, nfiles, isexec, hash, path, desc.

Rules:

* A new pointer holds `outs` and nothing else.
* An existing one is edited in place: comments, order and all other keys stay; of the out only what describes its content
  is replaced. As DVC does it, a key that is new goes to the end.
* An out whose content did not change is not touched at all, whatever its form.
"""

import hashlib
import io
import json
import posixpath
from collections.abc import Mapping
from typing import Any, NamedTuple

from vfs.core.paths import resolve_relative, show
from vfs.errors import FormatError
from vfs.formats import yaml12
from vfs.types import Algorithm, Digest

_CONTENT = frozenset(
    {"md5", "etag", "checksum", "size", "nfiles", "isexec", "version_id", "hash", "files", "cloud"}
)
_UNHASHED = frozenset(
    {"desc", "type", "labels", "meta", "locked", "frozen", "metric", "persist", "isexec", "size", "nfiles"}
)  # fmt: skip


_OLD = frozenset({"metric", "plot", "tags", "checkpoint", "live"})
_DEFAULTS = (("cache", True), ("persist", False))


class Described(NamedTuple):
    """What a pointer says of an out's content.

    Attributes:
        digest: MD5, or MD5_DOS2UNIX for an out that keeps the form of DVC 2.
        is_tree: it is of a listing.
        size: bytes of all files; None if it is not known.
        nfiles: of a directory.
        executable: of a file.
    """

    digest: Digest
    is_tree: bool = False
    size: int | None = None
    nfiles: int | None = None
    executable: bool = False


def new_pointer(path: str, content: Described, desc: str = "") -> bytes:
    """A `.dvc` file with one out.

    Args:
        path: of the out, relative to the file.
        content: of the out.
        desc: what the user says of it.
    """
    fields = {**described(content), "path": path}
    return dump_yaml({"outs": [{**fields, **({"desc": desc} if desc else {})}]})


def import_pointer(
    path: str, dependency: Mapping[str, Any], content: Described | None, form: Algorithm
) -> bytes:
    """The `.dvc` file of an import.

    Args:
        path: of the out, relative to the file.
        dependency: where it came from, keys in DVC's order.
        content: of the out; None if it was imported without its content.
        form: MD5, or MD5_DOS2UNIX: as DVC 2 has them, which knows no `hash`.
    """
    out = {**described(content), "path": path}
    if form is Algorithm.MD5_DOS2UNIX:
        out.pop("hash", None)
        dependency = {key: value for key, value in dependency.items() if key != "hash"}
    document = {"frozen": True, "deps": [dict(dependency)], "outs": [out]}
    return dump_yaml({"md5": stage_md5(document), **document})


def edited_import(
    old: bytes,
    pointer: bytes,
    out: bytes,
    dependency: Mapping[str, Any],
    content: Described | None,
) -> bytes:
    """The `.dvc` file of an import that was brought up to date.

    Args:
        old: the bytes it has.
        pointer: its path in the repository.
        out: path of the out in the repository.
        dependency: of an import from Git: the new `rev` and `rev_lock`; else what describes the content of the source.
        content: of the out; None if it was not read: nothing stale stays.

    Raises:
        FormatError: it is no YAML, or has no such out.
    """
    document, item = _find(old, pointer, out)
    source = document["deps"][0]
    if "repo" in source:
        source["repo"].update(dependency)
    else:
        describe(source, dependency)
    describe(item, described(content))
    document["md5"] = stage_md5(document)
    return dump_yaml(document)


def source_content(old: bytes, pointer: bytes) -> dict[str, Any]:
    """What the `.dvc` file of an `import-url` says of the content of its source. Raises FormatError."""
    document = load_yaml(old, show(pointer)[1:-1])
    return {key: value for key, value in document["deps"][0].items() if key in _CONTENT}


def edited_pointer(
    old: bytes, pointer: bytes, out: bytes, content: Described | None = None, *, desc: str = ""
) -> bytes:
    """A `.dvc` file whose out has another content.

    Args:
        old: the bytes it has.
        pointer: its path in the repository.
        out: path of the out in the repository.
        content: of the out from now on; None leaves it as it is.
        desc: what the user says of it; "" leaves it as it is.

    Raises:
        FormatError: it is no YAML, or has no such out.
    """
    document, item = _find(old, pointer, out)
    if content is not None:
        describe(item, described(content))
    if desc:
        item["desc"] = desc
    if "md5" in document:  # of an import: it covers the outs
        document["md5"] = stage_md5(document)
    return dump_yaml(document)


def modern_pointer(old: bytes, pointer: bytes, contents: Mapping[bytes, Described]) -> bytes:
    """A `.dvc` file in the form of DVC 3: what only DVC 0.x to 2 wrote is gone, and some outs have other hashes.

    Args:
        old: the bytes it has.
        pointer: its path in the repository.
        contents: by path of the out.

    Raises:
        FormatError: it is no YAML, or has no such out.
    """
    for out, content in contents.items():
        old = edited_pointer(old, pointer, out, content)
    document = load_yaml(old, show(pointer)[1:-1])
    if "locked" in document:
        document["frozen"] = document.pop("locked")
    if not document.get("deps"):
        document.pop("md5", None)  # DVC 0.x had it in every pointer
    for item in (*(document.get("outs") or ()), *(document.get("deps") or ())):
        for key in [key for key in item if key in _OLD or (key, item[key]) in _DEFAULTS]:
            del item[key]
    if "md5" in document:
        document["md5"] = stage_md5(document)
    return dump_yaml(document)


def moved_pointer(
    old: bytes, pointer: bytes, out: bytes, new_pointer_path: bytes, target: bytes
) -> bytes:
    """A `.dvc` file whose out lies elsewhere, or that itself does.

    Args:
        old: the bytes it has.
        pointer: its path in the repository.
        out: path of the out until now.
        new_pointer_path: path of the file from now on; with another one `wdir` goes, as with DVC.
        target: path of the out from now on.

    Raises:
        FormatError: it is no YAML, or has no such out.
    """
    document, item = _find(old, pointer, out)
    wdir = _wdir(document, pointer)
    if new_pointer_path != pointer:
        document.pop("wdir", None)
        new = new_pointer_path.rpartition(b"/")[0]
        for dependency in document.get("deps") or ():
            if "repo" not in dependency and not _elsewhere(dependency["path"]):
                lies = resolve_relative(wdir, dependency["path"])
                dependency["path"] = _relative(lies, new)
        wdir = new
    item["path"] = _relative(target, wdir)
    if "md5" in document:
        document["md5"] = stage_md5(document)
    return dump_yaml(document)


def without_out(old: bytes, pointer: bytes, out: bytes) -> bytes | None:
    """A `.dvc` file without one of its outs; None if it has no other.

    Raises:
        FormatError: it is no YAML, or has no such out.
    """
    document, item = _find(old, pointer, out)
    if len(document["outs"]) == 1:
        return None
    document["outs"].remove(item)
    return dump_yaml(document)


def stage_md5(document: Mapping[str, Any]) -> str:
    """The checksum that DVC keeps of an import (source: `stage/utils.py`)."""
    kept = {k: v for k, v in document.items() if k not in ("md5", "meta", "desc")}
    if kept.get("wdir") == ".":
        del kept["wdir"]
    text = json.dumps(_without(kept), sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in _UNHASHED}
    return [_without(v) for v in value] if isinstance(value, list) else value


def describe(item: Any, fields: Mapping[str, Any]) -> None:
    """Let an out or a dependency say that its content is another one."""
    for key, value in fields.items():
        if item.get(key) != value or isinstance(item.get(key), bool) != isinstance(value, bool):
            item[key] = value
    for key in [key for key in item if key in _CONTENT and key not in fields]:
        del item[key]


def described(content: Described | None) -> dict[str, Any]:
    """The keys of an out that describe its content, in DVC's order; None: it is not known."""
    if content is None:
        return {"hash": "md5"}
    fields: dict[str, Any] = {"md5": content.digest.hex + (".dir" if content.is_tree else "")}
    if content.size is not None:
        fields["size"] = content.size
    if content.nfiles is not None:
        fields["nfiles"] = content.nfiles
    if content.executable:
        fields["isexec"] = True
    if content.digest.algorithm is not Algorithm.MD5_DOS2UNIX:
        fields["hash"] = "md5"
    return fields


def _find(old: bytes, pointer: bytes, out: bytes) -> tuple[Any, Any]:
    """The parsed file, comments and all, and its item of an out."""
    document = load_yaml(old, show(pointer)[1:-1])
    wdir = _wdir(document, pointer)
    for item in document.get("outs") or ():
        written = str(item.get("path", ""))
        if not _elsewhere(written) and resolve_relative(wdir, written) == out:
            return document, item
    raise FormatError(f"has no output {show(out)} (any more)", file=show(pointer)[1:-1])


def _wdir(document: Any, pointer: bytes) -> bytes:
    return resolve_relative(pointer.rpartition(b"/")[0], str(document.get("wdir") or "."))


def _elsewhere(path: str) -> bool:
    return path.startswith("/") or "://" in path


def _relative(path: bytes, base: bytes) -> str:
    return posixpath.relpath(b"/" + path, b"/" + base).decode()


def load_yaml(data: bytes, file: str, *, empty: bool = False) -> Any:
    """A mapping, with its comments and order; an empty document is one too if `empty`. Raises FormatError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        text = data.decode().replace("\r\n", "\n").replace("\r", "\n")  # as DVC opens files
        document = YAML().load(text)
    except (YAMLError, UnicodeDecodeError) as error:
        yaml12.load(data, file=file)  # says where, and knows conflict marks
        reason = " ".join(str(error).split())[:200]
        raise FormatError(f"is no valid YAML: {reason}", file=file) from None
    if document is None and empty:
        return {}
    if not isinstance(document, dict):
        raise FormatError("is no mapping", file=file)
    return document


def dump_yaml(document: Any) -> bytes:
    """The bytes that DVC writes of a document."""
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import RoundTripRepresenter

    class Representer(RoundTripRepresenter):
        """Names with U+0085 are escaped: as ruamel.yaml (so DVC) writes them, nobody reads them again."""

    def represent(representer: Any, text: str) -> Any:
        style = '"' if "\x85" in text else None
        return representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Representer.add_representer(str, represent)
    yaml = YAML()
    yaml.Representer = Representer
    yaml.default_flow_style = False
    stream = io.BytesIO()
    yaml.dump(document, stream)
    return stream.getvalue()
