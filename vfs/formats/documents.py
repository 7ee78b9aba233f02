"""Files of values: parameters, variables, metrics.

Format (source: DVC's `utils/serialize`): by the name's ending JSON, TOML, Python (its assignments are read, nothing runs), anything else
YAML. An empty document is an empty mapping.
"""

import json
import re
from typing import Any

from vfs.core.paths import show
from vfs.errors import FormatError
from vfs.formats import yaml12

MAX_BYTES = 8 * 1024 * 1024
"""Of one file."""


def parse_document(data: bytes, path: bytes) -> Any:
    """What a file says.

    Args:
        data: its bytes.
        path: of it in the repository; its ending says the format.

    Raises:
        FormatError: malformed, or over a limit.
    """
    file = show(path)[1:-1]
    if len(data) > MAX_BYTES:
        raise FormatError(f"has {len(data)} bytes, at most {MAX_BYTES} are read", file=file)
    name = path.rpartition(b"/")[2]
    suffix = name.rpartition(b".")[2].lower() if b"." in name[1:] else b""
    try:
        if suffix == b"toml":
            import tomllib

            return tomllib.loads(data.decode())
        if suffix == b"json":
            return json.loads(data.decode()) or {}
        if suffix == b"py":
            from vfs.formats.python_values import python_values

            return python_values(data.decode())
    except SyntaxError as error:
        raise FormatError(f"is no Python: {error.msg}", file=file, line=error.lineno) from None
    except (ValueError, RecursionError, MemoryError) as error:
        reason = " ".join(str(error).split())[:120]
        line = getattr(error, "lineno", None) or _line(reason)
        raise FormatError(f"cannot be read: {reason}", file=file, line=line) from None
    return yaml12.load(data, file=file, max_bytes=MAX_BYTES, dvc_numbers=True) or {}


def _line(reason: str) -> int | None:
    """The line that a message of the TOML reader names."""
    found = re.search(r"\(at line ([0-9]+), column [0-9]+\)", reason)
    return int(found[1]) if found else None
