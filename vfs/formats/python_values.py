"""Parameters in a Python file: what is assigned at its top, in classes, and to `self` in `__init__`.

Format (source: DVC's `utils/serialize/_py.py`): of every assignment to one name its value, if that is a literal; a class is a mapping.
What is none of this is passed over. The file is parsed, never executed.
"""

import ast
from typing import Any


def python_values(text: str) -> dict[str, Any]:
    """The values.

    Raises:
        SyntaxError: it is no Python.
        ValueError: it holds a NUL.
        RecursionError, MemoryError: it is nested too deeply.
    """
    return _values(ast.parse(text).body, own=False)


def _values(body: list[ast.stmt], *, own: bool) -> dict[str, Any]:
    """Of statements; with `own`, only what is assigned to `self`."""
    found: dict[str, Any] = {}
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            found[statement.name] = _values(statement.body, own=False)
        elif isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            found.update(_values(statement.body, own=True))
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            name = _name(statement, own=own)
            if name is not None:
                try:
                    found[name] = ast.literal_eval(statement.value)
                except (ValueError, TypeError):
                    continue  # computed
    return found


def _name(statement: ast.Assign | ast.AnnAssign, *, own: bool) -> str | None:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    target = targets[0] if len(targets) == 1 else None
    if isinstance(target, ast.Name) and not own:
        return target.id
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        return target.attr if target.value.id == "self" else None
    return None
