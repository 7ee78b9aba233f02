"""Claims in the documentation stay bound to tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(?:(?P<file>test_\w+\.py))?::(?P<test>test_\w+)`|`(?P<alone>test_\w+\.py)`")


def test_every_test_that_semantics_names_exists() -> None:
    defined: dict[str, set[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        names = re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
        defined.setdefault(path.name, set()).update(names)
    text = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    current, checked = "", 0
    for found in NAMED.finditer(text):
        current = found["file"] or found["alone"] or current
        assert current in defined, current
        if found["test"]:
            assert found["test"] in defined[current], f"{current}::{found['test']}"
            checked += 1
    assert checked > 50


def test_every_document_is_reachable_from_the_readme_or_the_architecture() -> None:
    roots = [ROOT / "README.md", ROOT / "docs" / "architecture.md"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in roots)
    missing = [path.name for path in (ROOT / "docs").glob("*.md") if path.name not in text]
    assert missing == []
