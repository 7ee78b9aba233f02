"""Fixtures of the whole suite: every `vfs/testing/fix_*.py` is a plugin.

`HYPOTHESIS_PROFILE` chooses how random the property tests are: `ci` runs the same examples each
time, `soak` many new ones; without it Hypothesis explores as usual.
"""

import os
import signal
from pathlib import Path

from hypothesis import settings

import vfs.testing

# Tests interrupt commands as Ctrl-C and a closed terminal do: a shell that put us into the background, or `nohup`, has them ignore that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("soak", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "default")

pytest_plugins = [
    f"vfs.testing.{path.stem}"
    for path in sorted(Path(vfs.testing.__file__).parent.glob("fix_*.py"))
]
