"""The graph as names and lines, and its forms in text."""

from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.formats.stage_values import DeclaredDep, DeclaredOut, Definition
from vfs.pipeline.dag import Dag, dot, listed, mermaid, outs_dag, stages_dag
from vfs.pipeline.graph import Graph
from vfs.pipeline.nodes import Source, Stage

CHAIN = Dag(("a", "b", "c", "d", "x"), ((0, 1), (1, 2), (1, 3)))


def stage(name: str, deps: str, outs: str, *, frozen: bool = False) -> Stage:
    return Stage(
        Definition(
            b"dvc.yaml", 1, name, "true", b"",
            deps=tuple(DeclaredDep(dep, dep.encode()) for dep in deps.split()),
            outs=tuple(DeclaredOut(out, out.encode()) for out in outs.split()),
            frozen=frozen,
        ),
        None,
    )  # fmt: skip


GRAPH = Graph(
    [
        Source(b"raw.dvc", (b"raw",)),
        stage("prepare", "raw/part", "data/x data/y"),
        stage("train", "data", "model", frozen=True),
    ]
)


def test_stages_and_outs() -> None:
    stages, _ = stages_dag(GRAPH)
    assert stages == Dag(("raw.dvc", "prepare", "train"), ((0, 1), (1, 2)))  # frozen keeps its line
    outs, numbers = outs_dag(GRAPH)
    assert outs == Dag(
        ("raw", "data/x", "data/y", "model"), ((0, 1), (0, 2), (1, 3), (2, 3))
    )  # fmt: skip
    assert numbers(GRAPH.nodes[1]) == [1, 2]
    assert stages_dag(GRAPH, b"sub")[0].names == (
        "../raw.dvc",
        "../dvc.yaml:prepare",
        "../dvc.yaml:train",
    )


def test_around() -> None:
    assert CHAIN.around([2], full=False) == Dag(("a", "b", "c"), ((0, 1), (1, 2)))
    assert CHAIN.around([0], full=False) == Dag(("a",), ())
    assert CHAIN.around([0], full=True) == Dag(("a", "b", "c", "d"), CHAIN.edges)


def test_collapsed() -> None:
    dag = Dag(("x@1", "x@2", "a@b.dvc", "y"), ((0, 1), (0, 3), (1, 3), (2, 0)))
    assert dag.collapsed() == Dag(("x", "a@b.dvc", "y"), ((0, 2), (1, 0)))


def test_forms() -> None:
    dag = Dag(('q"#', "b"), ((0, 1),))
    assert mermaid(dag) == 'flowchart TD\n\tnode1["b"]\n\tnode2["q#quot;#35;"]\n\tnode2-->node1'
    assert dot(dag) == 'strict digraph {\n"q\\"#";\n"b";\n"q\\"#" -> "b";\n}'
    assert listed(CHAIN) == ["a", "b <- a", "c <- b", "d <- b", "x"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12))
def test_parts_are_the_whole(pairs: list[tuple[int, int]]) -> None:
    names = tuple(map(str, range(9)))
    edges = tuple(sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}))
    dag = Dag(names, edges)
    parts = dag.parts()
    assert sorted(name for part in parts for name in part.names) == sorted(names)
    found = {(part.names[a], part.names[b]) for part in parts for a, b in part.edges}
    assert found == {(names[a], names[b]) for a, b in edges}
    for part in parts:
        assert part.around([0], full=True) == part
