"""What a verb prints on standard output: JSON lines for programs, text or a table for people.

JSON: one object per line, each with a `type`; a path that is not UTF-8 is readable in `path` and exact in `path_b64`.
Rule: rich is loaded only for a table on a terminal; a pipe gets plain aligned columns and raw path bytes.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

from vfs.config.environment import colour_wanted
from vfs_cli.failure import warn
from vfs_cli.text import columns, printable


class Output:
    """Standard output of one verb.

    Attributes:
        json: whether the user asked for JSON.
        terminal: whether a person watches.
    """

    def __init__(self, as_json: bool) -> None:
        self.json = as_json
        self.terminal = not as_json and sys.stdout.isatty()

    def document(self, kind: str, fields: dict[str, Any]) -> None:
        """One JSON object on a line of its own."""
        line = json.dumps({"type": kind, **fields}, separators=(",", ":"))
        sys.stdout.buffer.write(line.encode() + b"\n")

    def line(self, text: str) -> None:
        """One line for people."""
        sys.stdout.buffer.write(printable(text).encode() + b"\n")

    def note(self, text: str) -> None:
        """A remark for people, on standard error; nothing with JSON."""
        if not self.json:
            sys.stderr.write(printable(text) + "\n")

    def warning(self, text: str) -> None:
        """A line of its own among what the verb printed so far, on standard error; an object with JSON."""
        sys.stdout.flush()
        warn(text, as_json=self.json)

    def path(self, path: bytes, before: str = "") -> None:
        """A path on its own line: raw bytes into a pipe, escaped on a terminal."""
        if self.terminal:
            self.line(before + path.decode("utf-8", "backslashreplace"))
        else:
            sys.stdout.buffer.write(before.encode() + path + b"\n")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under headings; on a terminal that is too narrow for them, each row as a list."""
        clean = [[printable(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(headings, *clean, strict=True)]
        if self.terminal and sum(widths) + 3 * len(widths) > columns():
            self._lists(headings, clean)
            return
        if self.terminal:
            _rich_table(headings, clean)
            return
        for row in (headings, *clean):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.line("  ".join(cells).rstrip())

    def _lists(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        width = max(map(len, headings))
        for first, *others in rows:
            self.line(first)
            for heading, cell in zip(headings[1:], others, strict=True):
                self.line(f"  {heading.lower():<{width}} {cell}")


def _rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(no_color=not colour_wanted(), highlight=False).print(table)
