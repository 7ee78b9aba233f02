"""What a check found."""

from enum import Enum
from typing import NamedTuple


class State(Enum):
    """How good it is."""

    OK = "ok"
    NOTE = "note"  # works, but slower or with less than there could be
    BAD = "bad"  # something will fail


class Finding(NamedTuple):
    """The outcome of one check.

    Attributes:
        name: stable kebab-case name of the check.
        state: how good it is.
        message: what was found, one sentence.
        fix: the exact command, or what to do; empty if there is nothing to do.
    """

    name: str
    state: State
    message: str
    fix: str = ""


def ok(name: str, message: str) -> Finding:
    """Nothing to do."""
    return Finding(name, State.OK, message)


def note(name: str, message: str, fix: str = "") -> Finding:
    """A limit one can live with."""
    return Finding(name, State.NOTE, message, fix)


def bad(name: str, message: str, fix: str = "") -> Finding:
    """A thing that will fail."""
    return Finding(name, State.BAD, message, fix)
