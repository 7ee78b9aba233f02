"""Pictures of graphs: every box and line is there, and no line lies on another source's."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.drawing.dag_svg import graph
from vfs.drawing.dag_text import boxes
from vfs.drawing.layered import BOX_HEIGHT, layout

Edge = tuple[int, int]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[Edge]]:
    labels = [
        f"s{number}" + "x" * draw(st.integers(0, 9)) for number in range(draw(st.integers(0, 14)))
    ]
    pairs = list(combinations(range(len(labels)), 2))
    order = draw(st.permutations(range(len(labels))))
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=24)) if pairs else []
    return labels, [(order[upper], order[lower]) for upper, lower in chosen]


@settings(deadline=None)
@given(graphs())
def test_boxes_are_apart_and_lines_keep_clear(given_graph: tuple[list[str], list[Edge]]) -> None:
    labels, edges = given_graph
    drawn = layout(labels, edges)
    assert sorted(box.node for box in drawn.boxes) == list(range(len(labels)))
    cells: set[tuple[int, int]] = set()
    for box in drawn.boxes:
        area = {
            (x, y)
            for x in range(box.x, box.x + box.width)
            for y in range(box.y, box.y + BOX_HEIGHT)
        }
        assert not area & cells
        cells |= area
    assert all(0 <= x < drawn.width and 0 <= y < drawn.height for x, y in cells)
    assert len(drawn.heads) == len(set(drawn.heads)) == len(set(edges))
    top = {box.node: box.y for box in drawn.boxes}
    assert all(top[upper] < top[lower] for upper, lower in edges)


@settings(deadline=None)
@given(graphs())
def test_every_edge_can_be_followed(given_graph: tuple[list[str], list[Edge]]) -> None:
    """From the middle of a box's lower border, along lines, one comes to the boxes below and to no others."""
    labels, edges = given_graph
    text = boxes(labels, edges)
    drawn = layout(labels, edges)
    under = {
        (x, box.y - 1): box.node for box in drawn.boxes for x in range(box.x, box.x + box.width)
    }
    found = set()
    for box in drawn.boxes:
        assert labels[box.node] in text[box.y + 1]
        start = box.x + box.width // 2, box.y + BOX_HEIGHT - 1
        if text[start[1]][start[0]] == "┬":
            found |= {(box.node, under[end]) for end in followed(text, start)}
    assert found == set(edges)


STEPS = {1: (0, -1), 2: (0, 1), 4: (-1, 0), 8: (1, 0)}
BACK = {1: 2, 2: 1, 4: 8, 8: 4}


def followed(text: list[str], start: tuple[int, int]) -> set[tuple[int, int]]:
    """The heads that a line leads to; at a crossing it goes straight on."""
    ends = set()
    todo = [(start, 2)]
    seen = set(todo)
    for (x, y), way in todo:  # grows while it is read
        at = x + STEPS[way][0], y + STEPS[way][1]
        mark = text[at[1]][at[0]]
        if mark == "▼":
            ends.add(at)
            continue
        mask = 15 if mark == "╋" else " ╵╷│╴┘┐┤╶└┌├─┴┬┼".index(mark)
        assert mask & BACK[way], "a line that ends in nothing"
        ways = (way,) if mark == "┼" else [w for w in STEPS if mask & w and w != BACK[way]]
        new = [(at, w) for w in ways if (at, w) not in seen]
        todo += new
        seen |= set(new)
    return ends


def test_a_chain_is_straight() -> None:
    assert boxes(["a", "b"], [(0, 1)]) == [
        "┌───┐",
        "│ a │",
        "└─┬─┘",
        "  ▼",
        "┌───┐",
        "│ b │",
        "└───┘",
    ]


def test_two_sources_of_one_box_stay_apart() -> None:
    text = "\n".join(boxes(["one", "other", "both"], [(0, 2), (1, 2)]))
    assert "▼ ▼" in text
    assert "┴" not in text


def test_labels_of_svg_are_text() -> None:
    assert "<script" not in graph(["<script>alert(1)</script>"], [])
