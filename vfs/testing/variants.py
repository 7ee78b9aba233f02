"""Variants of a test, of which `make test` runs the most telling ones and `make test-all` all.

Rule: each mechanism, and each kind of server, stays in `make test` with one variant at least; another seed, scale, kind of remote or way into the same code need not.
"""

from collections.abc import Iterable
from typing import Any

import pytest


def soak(*values: Any) -> Any:
    """A variant that `make test-all` alone runs."""
    return pytest.param(*values, marks=pytest.mark.soak)


def all_but(few: Iterable[Any], every: Iterable[Any]) -> list[Any]:
    """The variants `every`, all but the `few` of them for `make test-all` alone."""
    telling = list(few)
    return [value if value in telling else soak(value) for value in every]
