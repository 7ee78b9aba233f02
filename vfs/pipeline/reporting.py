"""The report of a run: what its lazy mount did meanwhile, kept beside its record (`vfs.core.periods` has the form)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vfs.errors import FormatError

MOST: Final = 1 << 20
"""Bytes of a report that is read."""


def keep(report: Mapping[str, Any], path: Path) -> None:
    """Keep a report beside the record of its run. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(json.dumps(report))


def kept(path: Path) -> dict[str, Any]:
    """The report of a run. Raises FormatError: it is none."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MOST))
    except (OSError, ValueError) as error:
        raise FormatError("is no report of a run", file=str(path)) from error
    if not isinstance(found, dict):
        raise FormatError("is no report of a run", file=str(path))
    return found
