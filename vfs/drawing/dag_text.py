"""A graph as text: boxes and lines of Unicode's drawing characters; `┼` is a crossing, `╋` a branch."""

from collections.abc import Iterable, Sequence

from vfs.drawing.layered import BOX_HEIGHT, Box, layout

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_LINES = " ╵╷│╴┘┐┤╶└┌├─┴┬┼"


def boxes(labels: Sequence[str], edges: Iterable[tuple[int, int]]) -> list[str]:
    """The lines of a picture of a graph without cycles; `labels` must be printable."""
    drawn = layout(labels, edges)
    lines = [[0] * drawn.width for _ in range(drawn.height)]
    for x, y, to_x, to_y in drawn.segments:
        _line(lines, x, y, to_x, to_y)
    text = [[_LINES[mask] for mask in line] for line in lines]
    for box in drawn.boxes:
        _box(text, box, labels[box.node], lines[box.y + BOX_HEIGHT - 1])
    for x, y in drawn.knots:
        if text[y][x] == "┼":
            text[y][x] = "╋"
    for x, y in drawn.heads:
        text[y][x] = "▼"
    return ["".join(line).rstrip() for line in text]


def _line(lines: list[list[int]], x: int, y: int, to_x: int, to_y: int) -> None:
    for row in range(y, to_y):
        lines[row][x] |= _DOWN
        lines[row + 1][x] |= _UP
    for column in range(x, to_x):
        lines[y][column] |= _RIGHT
        lines[y][column + 1] |= _LEFT


def _box(text: list[list[str]], box: Box, label: str, below: Sequence[int]) -> None:
    inner = box.width - 2
    last = box.y + BOX_HEIGHT - 1
    text[box.y][box.x : box.x + box.width] = "┌" + "─" * inner + "┐"
    text[box.y + 1][box.x : box.x + box.width] = "│" + label.center(inner) + "│"
    border = [
        "┬" if below[box.x + 1 + column] & _DOWN else "─" for column in range(inner)
    ]  # where its line begins
    text[last][box.x : box.x + box.width] = ["└", *border, "┘"]
