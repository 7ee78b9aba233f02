"""Fixtures of the whole suite: every `vfs/testing/fix_*.py` is a plugin.

`HYPOTHESIS_PROFILE` chooses how random the property tests are: `ci` runs the same examples each
time, `soak` many new ones; without it Hypothesis explores as usual.
"""

import gc
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import vfs.testing

gc.disable()  # until all is collected: that makes no garbage

# Tests interrupt commands as Ctrl-C and a closed terminal do: a shell that put us into the background, or `nohup`, has them ignore that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

settings.register_profile(
    "ci",
    max_examples=40,  # always the same ones: more of them find nothing on the next day
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # a busy machine is no fault of a test
settings.register_profile("soak", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "default")

pytest_plugins = [
    f"vfs.testing.{path.stem}"
    for path in sorted(Path(vfs.testing.__file__).parent.glob("fix_*.py"))
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: handed out a file at a time, none of them is what the end waits for."""
    slow = {
        item.path for item in items if {"slow", "dvc", "s3"} & {m.name for m in item.iter_markers()}
    }
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """What was collected lives to the end: no search for circular garbage need look at it."""
    gc.collect()
    gc.freeze()
    gc.enable()
