"""The shape of the code: small modules and functions that say what they are for."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for top in ("vfs", "cli") for path in (ROOT / top).rglob("*.py"))
MAX_MODULE = 400
MAX_FUNCTION = 59

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(tree: ast.Module) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says its purpose"
    assert len(text.splitlines()) <= MAX_MODULE
    for function in _functions(tree):
        lines = (function.end_lineno or 0) - function.lineno + 1
        assert lines <= MAX_FUNCTION, f"{function.name} has {lines} lines"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_open(path: Path) -> None:
    text = path.read_text()
    for word in ("TO" + "DO", "FIX" + "ME", "X" * 3 + ":", "NotImplemented" + "Error"):
        assert word not in text


def test_the_environment_has_one_reader() -> None:
    for path in MODULES:
        relative = path.relative_to(ROOT)
        if relative.parts[:2] in (("vfs", "config"), ("vfs", "testing")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Attribute) and node.attr in (
                "environ",
                "environb",
                "getenv",
            )
            assert not named, f"{relative}:{getattr(node, 'lineno', 0)} reads the environment"
