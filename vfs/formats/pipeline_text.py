"""Editing `dvc.yaml`: the bytes that DVC writes.

Format (source: DVC's `stage/serialize.py`, `dvcfile.py`, `utils/collections.py`): keys of a stage in a fixed order, lists sorted; a stage that is there is changed in place.

Rules: comments (`vfs.formats.pipeline_splice`) and the order of everything that does not change stay. `frozen` is set and nothing else is rewritten, where DVC sorts lists
too. The last stage takes the file with it only if it says nothing else (DVC removes it with all it says).
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from vfs.errors import FormatError
from vfs.formats.expansion import is_group
from vfs.formats.fields import clip
from vfs.formats.pipeline_schema import NOT_IN_NAMES, PLOT_KEYS
from vfs.formats.pipeline_splice import Lifted, Text, item_of, lifted, put_back
from vfs.formats.pointer_text import dump_yaml, load_yaml
from vfs.formats.stage_values import DeclaredOut, DeclaredParams, Definition, OutKind
from vfs.formats.variables import DEFAULT_FILE


def valid_name(name: str) -> bool:
    """Whether DVC accepts the name for a new stage."""
    return bool(name) and not NOT_IN_NAMES & set(name)


def to_entry(definition: Definition) -> dict[str, Any]:
    """A stage as an entry of `dvc.yaml`, in DVC's order."""
    command = definition.command
    values: dict[str, Any] = {
        "desc": definition.desc,
        "cmd": command if isinstance(command, str) else list(command),
        "wdir": _wdir(definition),
        "deps": sorted(dep.written for dep in definition.deps),
        "params": _params(definition.params),
        **{kind.value: list(_outs(definition, kind)) for kind in OutKind},
        "frozen": definition.frozen,
        "always_changed": definition.always_changed,
        "meta": definition.meta,
    }
    return {key: value for key, value in values.items() if value}


def with_stage(
    old: bytes | None, file: str, name: str, entry: Mapping[str, Any], *, replace: bool = False
) -> bytes:
    """A `dvc.yaml` with a stage more, or with one changed.

    Args:
        old: its bytes; None if there is none.
        file: its name in messages.
        name: of the stage.
        entry: as `to_entry` gives it.
        replace: the stage may be there already.

    Raises:
        FormatError: it is no pipeline, or has the stage.
    """
    document = {} if old is None else load_yaml(old, file, empty=True)
    if document.get("stages") is None:
        document["stages"] = {}
    stages = _stages(document, file)
    if name not in stages:
        stages[name] = dict(entry)
    elif replace and isinstance(stages[name], dict):
        _apply(entry, stages[name])
    else:
        hint = "choose another name, or overwrite it with `--force`"
        raise FormatError(f"has a stage {clip(name)} already", file=file, hint=hint)
    return _commented(old, file, document, name, partial(_apply, entry))


def without_stage(old: bytes, file: str, name: str) -> bytes | None:
    """A `dvc.yaml` without one of its stages; None: it says nothing any more, and goes.

    Raises:
        FormatError: it is no pipeline, or the stage is generated or not there.
    """
    document = load_yaml(old, file)
    stages = _stages(document, file)
    _entry(stages, file, name)
    del stages[name]
    if not stages:
        del document["stages"]
    return _commented(old, file, document, name, None) if document else None


def with_frozen(old: bytes, file: str, name: str, frozen: bool) -> bytes:
    """A `dvc.yaml` in which a stage is frozen, or no longer; the bytes it had if it was so.

    Args:
        old: its bytes.
        file: its name in messages.
        name: of the stage; "": the file is a `.dvc` file, which is one.
        frozen: what it will be.

    Raises:
        FormatError: it is no pipeline, or the stage is generated or not there.
    """
    document = load_yaml(old, file)
    entry = _entry(_stages(document, file), file, name) if name else document
    if bool(entry.get("frozen") or entry.get("locked")) == frozen:
        return old

    def change(entry: Any) -> None:
        for key in ("locked", "frozen"):
            entry.pop(key, None)
        if frozen:
            entry["frozen"] = True

    change(entry)
    return _commented(old, file, document, name, change) if name else dump_yaml(document)


def _commented(
    old: bytes | None,
    file: str,
    document: Any,
    name: str,
    change: Callable[[Any], None] | None,
) -> bytes:
    """The bytes of a `dvc.yaml` of which one stage was changed, with all comments where they were.

    Args:
        old: as it was.
        file: its name.
        document: as it is to be.
        name: of the stage.
        change: what was done to its entry; None: it is gone.

    Raises:
        FormatError: a stage that was not changed would say something else.
    """
    if old is None or b"#" not in old:
        return dump_yaml(document)
    try:
        made = _spliced(old, file, name, change)
        if load_yaml(made, file) == document:
            return made
    except (FormatError, KeyError, ValueError):
        pass  # it stands for more than itself, or is written in an uncommon way
    before = load_yaml(old, file, empty=True)
    if load_yaml(dump_yaml(before), file, empty=True) != before:  # comments do not move with keys
        raise FormatError(
            "cannot be edited: a comment would become a line of the text above it",
            file=file,
            hint="indent it by two spaces a level, comments too; or edit it by hand",
        )
    return dump_yaml(document)


def _spliced(old: bytes, file: str, name: str, change: Callable[[Any], None] | None) -> bytes:
    """As `_commented`, by its lines. Raises FormatError, KeyError, ValueError: that is not possible."""
    old = old.replace(b"\r\n", b"\n")
    document = load_yaml(old, file, empty=True)
    begin = b"stages:\n"
    text = None
    if document.get("stages"):
        text = Text(old, document)
        outdented = text.outdented()
        normal = dump_yaml(document if outdented == old else load_yaml(outdented, file))
        if normal != old:
            text = Text(normal, load_yaml(normal, file))
    elif document:
        raise ValueError("no stages to stand beside")
    if change is None:
        assert text is not None
        return text.without(name)
    entry: Any = {"stages": {name: {}}}
    comments: Lifted = {}
    if text is not None and name in document["stages"]:
        before = begin + text.entry(name)
        bare, comments = lifted(before, load_yaml(before, file)["stages"][name])
        entry = load_yaml(bare, file)
    change(entry["stages"][name])
    made = dump_yaml(entry)
    if comments:
        made = put_back(made, load_yaml(made, file)["stages"][name], comments)
    if text is None:
        return old.removesuffix(b"\n") + b"\n" + made
    return text.replaced(name, made.removeprefix(begin))


def _stages(document: Any, file: str) -> Any:
    stages = document.get("stages")
    if not isinstance(stages, dict):
        raise FormatError("has no stages", file=file)
    return stages


def _entry(stages: Any, file: str, name: str) -> Any:
    """The entry of a stage that is written as such."""
    group = name.rpartition("@")[0]
    if is_group(stages.get(name)) or (name not in stages and is_group(stages.get(group))):
        hint = f"edit {clip(group or name)} in the file"
        raise FormatError(
            f"the stage {clip(name)} is generated, it cannot be edited alone", file=file, hint=hint
        )
    if not isinstance(stages.get(name), dict):
        raise FormatError(f"has no stage {clip(name)}", file=file)
    return stages[name]


def _wdir(definition: Definition) -> str | None:
    directory = definition.file.rpartition(b"/")[0]
    path = posixpath.relpath(b"/" + definition.wdir, b"/" + directory).decode()
    return None if path == "." else path


def _params(params: tuple[DeclaredParams, ...]) -> list[Any]:
    first: list[Any] = []
    others: list[Any] = []
    for one in sorted(params, key=lambda one: one.written):
        if one.keys and one.written == DEFAULT_FILE:
            first = sorted(one.keys)
        else:
            others.append({one.written: sorted(one.keys) or None})
    return [*first, *others]


def _outs(definition: Definition, kind: OutKind) -> Iterator[Any]:
    for out in sorted(definition.outs, key=lambda out: out.written):
        if out.kind is kind:
            flags = _flags(out)
            yield {out.written: flags} if flags else out.written


def _flags(out: DeclaredOut) -> dict[str, Any]:
    annotations = ((key, out.extra.get(key)) for key in ("desc", "type", "labels", "meta"))
    return {
        **{key: value for key, value in annotations if value},
        **({} if out.cached else {"cache": False}),
        **({"persist": True} if out.persist else {}),
        **{key: value for key, value in out.extra.items() if key in PLOT_KEYS},
        **({"remote": out.remote} if out.remote else {}),
        **({} if out.push else {"push": False}),
    }


def _apply(new: Any, old: Any) -> None:
    """Let a parsed mapping or list say what `new` says; what is equal is not touched."""
    if isinstance(new, Mapping):
        for key, value in new.items():
            if key in old and _alike(value, old[key]):
                _apply(value, old[key])
            elif key not in old or value != old[key]:
                old[key] = value
        for key in [key for key in old if key not in new]:
            del old[key]
        return
    if list(map(item_of, new)) != list(map(item_of, old)):
        _replace(new, old)
    for index, value in enumerate(new):
        if _alike(value, old[index]):
            _apply(value, old[index])
        elif value != old[index]:
            old[index] = value


def _replace(new: Any, old: Any) -> None:
    """Let a parsed list have other items; those that stay keep their comments, which ruamel.yaml keeps by their place."""
    comments = old.ca.items if hasattr(old, "ca") else {}
    stay = {item_of(value): (value, comments.get(index)) for index, value in enumerate(old)}
    found = [stay.pop(item_of(value), (value, None)) for value in new]
    old[:] = [value for value, _ in found]
    comments.clear()
    comments.update((index, one) for index, (_, one) in enumerate(found) if one is not None)


def _alike(one: Any, other: Any) -> bool:
    return any(isinstance(one, kind) and isinstance(other, kind) for kind in (dict, list))
