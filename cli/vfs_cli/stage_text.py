"""Stages as `vfs stage` shows them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vfs_cli.output import Output
from vfs_cli.pipelines import Work, commands

if TYPE_CHECKING:
    from vfs.pipeline.nodes import Node, Stage


def show_list(output: Output, work: Work, nodes: "Sequence[Node]") -> None:
    """One line for each."""
    from vfs.pipeline.nodes import Stage

    rows = []
    for node in nodes:
        if not isinstance(node, Stage):
            continue
        if output.json:
            output.document("stage", _fields(node, work.target.here))
        else:
            rows.append((node.address(work.target.here), _purpose(node)))
    if rows:
        output.table(("stage", "what it does"), rows)


def show_stage(output: Output, work: Work, node: "Node") -> None:
    """All that is known of one."""
    from vfs.pipeline.graph import Graph
    from vfs.pipeline.nodes import Stage

    if not isinstance(node, Stage):
        return
    here = work.target.here
    graph = Graph(work.session.tree.nodes)
    needs = [one.address(here) for one in graph.needs(node, whole=True)]
    users = [one.address(here) for one in graph.users(node, whole=True)]
    if output.json:
        output.document("stage", {**_fields(node, here), "needs": needs, "needed_by": users})
        return
    one = node.definition
    where = node.file.decode("utf-8", "backslashreplace")
    output.line(f"{node.address(here)}  ({where}{f':{one.line}' if one.line else ''})")
    params = [f"{p.written}: {', '.join(p.keys) or 'all'}" for p in one.params]
    outs = [out.written + _flags(out.cached, out.persist) for out in one.outs]
    rows = {
        "desc": [one.desc] if one.desc else [],
        "command": list(commands(node)),
        "wdir": [one.wdir.decode("utf-8", "backslashreplace")] if one.wdir else [],
        "deps": [dep.written for dep in one.deps],
        "params": params,
        "outs": outs,
        "needs": needs,
        "needed by": users,
        "state": [text for text, true in (("frozen", one.frozen), ("always runs", one.always_changed), ("never ran", node.locked is None)) if true],
    }  # fmt: skip
    for label, lines in rows.items():
        for number, line in enumerate(lines):
            output.line(f"  {label if not number else '':<10} {line}")


def _flags(cached: bool, persist: bool) -> str:
    flags = [text for text, true in (("not cached", not cached), ("persists", persist)) if true]
    return f" ({', '.join(flags)})" if flags else ""


def _purpose(stage: "Stage") -> str:
    """What it says of itself, else what it makes (as `dvc stage list`)."""
    one = stage.definition
    if one.desc and one.desc.strip():
        return one.desc.strip().splitlines()[0]
    outs = ", ".join(out.written for out in one.outs)
    deps = ", ".join(dep.written for dep in one.deps)
    return f"makes {outs}" if outs else f"depends on {deps}" if deps else "always runs"


def _fields(stage: "Stage", here: bytes) -> dict[str, Any]:
    one = stage.definition
    return {
        "stage": stage.address(here),
        "file": one.file.decode("utf-8", "backslashreplace"),
        "line": one.line,
        "name": one.name,
        "command": one.command if isinstance(one.command, str) else list(one.command),
        "wdir": one.wdir.decode("utf-8", "backslashreplace"),
        "deps": [dep.written for dep in one.deps],
        "params": {params.written: list(params.keys) for params in one.params},
        "outs": [
            {"path": out.written, "kind": out.kind.value, "cached": out.cached, "persist": out.persist}
            for out in one.outs
        ],
        "frozen": one.frozen,
        "always_changed": one.always_changed,
        "desc": one.desc,
        "ran": stage.locked is not None,
    }  # fmt: skip
