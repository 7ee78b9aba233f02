"""Libraries that only some remotes need.

Rule: a driver imports its library when it is first used; without it, the error says what to install.
"""

from importlib import import_module
from typing import Any

from vfs.errors import Unsupported


def load(module: str, extra: str, where: str) -> Any:
    """The module.

    Raises:
        Unsupported: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise Unsupported(
            f"{where}: the library {module.partition('.')[0]} is not installed ({error})",
            hint=f"pip install 'vfs[{extra}]'",
        ) from error
