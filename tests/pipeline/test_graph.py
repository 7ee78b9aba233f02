"""The graph: edges, order, what follows from a change, what is refused."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.errors import FormatError, UnknownPath
from vfs.formats.stage_values import DeclaredDep, DeclaredOut, DeclaredParams, Definition
from vfs.pipeline.checks import check
from vfs.pipeline.graph import Graph
from vfs.pipeline.nodes import Source, Stage
from vfs.pipeline.targets import meant, nodes_of
from vfs.tracking.targets import Target


def stage(
    name: str, deps: str = "", outs: str = "", *, file: bytes = b"dvc.yaml", frozen: bool = False, params: str = "", line: int = 1
) -> Stage:  # fmt: skip
    definition = Definition(
        file, line, name, f"make {name}", file.rpartition(b"/")[0],
        tuple(DeclaredDep(path, path.encode()) for path in deps.split()),
        tuple(DeclaredParams(path, path.encode(), ("k",)) for path in params.split()),
        tuple(DeclaredOut(path, path.encode()) for path in outs.split()),
        frozen=frozen, group=name.partition("@")[0] if "@" in name else None,
    )  # fmt: skip
    return Stage(definition, None)


def names(nodes: list[Stage | Source] | tuple[Stage | Source, ...]) -> list[str]:
    return [node.address() for node in nodes]


def test_edges_lead_to_whatever_owns_a_part_of_a_dep() -> None:
    one = stage("one", "", "data/a data/b")
    two = stage("two", "data", "model")
    three = stage("three", "model/weights", "x", params="data/b")
    source = Source(b"raw.dvc", (b"raw",))
    four = stage("four", "raw/sub/file")
    graph = Graph([one, two, three, source, four])
    assert graph.needs(two) == (one,)
    assert graph.needs(three) == (two, one)
    assert graph.needs(four) == (source,)
    assert graph.users(one) == (two, three)
    assert graph.owner(b"data/a/deep") is one
    assert graph.owner(b"data") is None


def test_order_and_downstream() -> None:
    """As the picture in DVC's `repro/reproduce.py` has it."""
    a, b, c = stage("A", "", "a"), stage("B", "a", "b"), stage("C", "a", "c")
    d, e, f, g = stage("D", "b c", "d"), stage("E", "d f", "e"), stage("F", "g", "f"), stage("G", "", "g")  # fmt: skip
    graph = Graph([e, d, f, b, c, g, a])
    assert names(graph.order([d])) == ["A", "B", "C", "D"]
    assert names(graph.order([b], downstream=True)) == ["B", "D", "E"]
    assert names(graph.order()) == ["A", "B", "C", "D", "G", "F", "E"]
    assert {node.address() for node in graph.after(g)} == {"F", "E"}


def test_a_frozen_stage_needs_nothing() -> None:
    one, two = stage("one", "", "a"), stage("two", "a", "b", frozen=True)
    graph = Graph([one, two])
    assert graph.needs(two) == ()
    assert graph.needs(two, whole=True) == (one,)
    assert graph.users(one) == ()
    assert names(graph.order([two])) == ["two"]


@settings(deadline=None)
@given(st.integers(1, 12), st.randoms(use_true_random=False))
def test_any_order_has_dependencies_first(count: int, rng: random.Random) -> None:
    outs = [f"o{number}" for number in range(count)]
    stages = [
        stage(f"s{n}", " ".join(rng.sample(outs[:n], rng.randint(0, n))), outs[n], frozen=rng.random() < 0.1)
        for n in range(count)
    ]  # fmt: skip
    rng.shuffle(stages)
    graph = Graph(stages)
    check(graph)
    starts = rng.sample(stages, rng.randint(1, count))
    ordered = graph.order(starts)
    assert set(starts) <= set(ordered)
    assert len(ordered) == len(set(ordered))
    for node in ordered:
        for needed in graph.needs(node):
            assert ordered.index(needed) < ordered.index(node)
    down = graph.order(starts, downstream=True)
    for node in down:
        assert node in starts or node in set().union(*(graph.after(one) for one in starts))


@settings(deadline=None)
@given(st.integers(2, 8), st.randoms(use_true_random=False))
def test_a_cycle_is_found_wherever_it_is(length: int, rng: random.Random) -> None:
    ring = [stage(f"s{n}", f"o{(n + 1) % length}", f"o{n}") for n in range(length)]
    others = [stage(f"x{n}", "o0", f"y{n}") for n in range(3)]
    nodes: list[Stage | Source] = [*ring, *others]
    rng.shuffle(nodes)
    graph = Graph(nodes)
    assert set(graph.cycle()) == set(ring)
    with pytest.raises(FormatError, match="depend on each other"):
        check(graph)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([stage("a", "", "x"), stage("b", "", "x", line=7)], r"dvc\.yaml:7: stage 'b': .*one of a too"),
        ([stage("a", "", "x"), stage("b", "", "x/y")], "inside an out of a"),
        ([stage("a", "", "x x")], "out twice"),
        ([stage("a", "x", "x")], "dependency and an out"),
        ([stage("a", "", "x", params="x")], "dependency and an out"),
        ([stage("a", "x/y", "x")], "depend on each other"),
        ([stage("a", "", "sub"), stage("b", "", "y", file=b"sub/dvc.yaml")], "this file lies inside an out of a"),
        ([Source(b"x.dvc", (b"x",)), stage("a", "", "x")], "one of x.dvc too"),
        ([stage("a", "", "y/dvc.yaml")], "file of DVC's"),
        ([stage("a", "", ".dvc/x")], "file of DVC's"),
        ([stage("a", "", "y/.dvc/tmp/x")], "file of DVC's"),
    ],
)  # fmt: skip
def test_what_is_refused(nodes: list[Stage | Source], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        check(Graph(nodes))


def test_targets() -> None:
    below = stage("train", "", "sub/m", file=b"sub/dvc.yaml")
    nodes: list[Stage | Source] = [stage("train", "", "model"), stage("each@a", "", "ea"), stage("each@b", "", "eb"), below, Source(b"raw.dvc", (b"raw",))]  # fmt: skip
    graph = Graph(nodes)

    def found(text: str, here: bytes = b"", *, glob: bool = False) -> list[str]:
        path = here + b"/" + text.encode() if here else text.encode()
        return names(meant(graph, [Target(text, path)], here, glob=glob))

    assert found("train") == ["train"]
    assert found("each") == ["each@a", "each@b"]
    assert found("each@b") == ["each@b"]
    assert found("sub/dvc.yaml:train") == ["sub/dvc.yaml:train"]
    assert found("train", b"sub") == ["sub/dvc.yaml:train"]
    assert found("dvc.yaml") == ["train", "each@a", "each@b"]
    assert found("raw.dvc") == ["raw.dvc"]
    assert found("raw/deep") == ["raw.dvc"]
    assert found("model") == ["train"]
    assert found("sub") == ["sub/dvc.yaml:train"]
    assert found("ea*", glob=True) == ["each@a", "each@b"]
    with pytest.raises(UnknownPath, match="'trian'") as refused:
        found("trian")
    assert "train" in (refused.value.hint or "")
    assert names(nodes_of(graph, [], b"sub")) == ["sub/dvc.yaml:train"]
    assert len(nodes_of(graph, [], b"", whole=True)) == 5
    with pytest.raises(UnknownPath, match=r"no dvc\.yaml"):
        nodes_of(graph, [], b"elsewhere")
