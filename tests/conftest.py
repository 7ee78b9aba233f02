"""Fixtures of the whole suite: every `vfs/testing/fix_*.py` is a plugin."""

from pathlib import Path

import vfs.testing

pytest_plugins = [
    f"vfs.testing.{path.stem}"
    for path in sorted(Path(vfs.testing.__file__).parent.glob("fix_*.py"))
]
