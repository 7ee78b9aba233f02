"""The page of a report: one file that runs nothing and fetches nothing, whatever files and periods are called."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from vfs_cli.report_page import page

HOSTILE = "<script>alert(1)</script>\"'&\x00\x1b]8;;http://evil/\u202e"


def period(name: str, number: int) -> dict[str, Any]:
    cost = {"waits": number, "stalled": 0.5 * number, "requests": number, "fetched": 1 << 20}
    return {
        "version": 1, "name": name, "began": 1e9, "ended": 1e9 + 60, "seconds": 60.0,
        "asked": {"bytes": 5 << 20, "reads": 100}, "fetched": {"bytes": 6 << 20, "requests": 7},
        "amplification": 1.2, "hit_rate": 0.9, "first_byte": 0.03,
        "stalled": {"seconds": 2.5, "reads": 10, "longest": 1.0, "p50": 0.1, "p90": 0.4, "p99": 0.9},
        "directories": [{"path": f"{HOSTILE}/{n}", **cost} for n in range(3)] + [{"path": None, **cost}],
        "files": [{"path": HOSTILE, "digest": "md5:00", **cost}, {"path": None, "digest": "md5:11", **cost}],
    }  # fmt: skip


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_hostile_names_are_text() -> None:
    text = page(HOSTILE, [period(HOSTILE, 1), period("epoch-2", 2)])
    found = Elements()
    found.feed(text)
    assert not {"script", "iframe", "link", "object", "embed", "base", "form", "a"} & set(
        found.tags
    )
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("href", "src")]  # fmt: skip
    assert "Content-Security-Policy" in text
    assert "default-src 'none'" in text
    assert "alert(1)" in text, "it is told, as text"
    assert not re.search("[\x00-\x08\x0b-\x1f]", text)
    assert found.tags.count("svg") >= 5


@pytest.mark.parametrize("periods", [[], [{}], [{"name": None, "directories": None, "fetched": 3}]])
def test_what_another_version_says_or_does_not(periods: list[dict[str, Any]]) -> None:
    assert page("x", periods).startswith("<!DOCTYPE html>")
