"""Git's glob patterns (wildmatch.c, WM_PATHNAME), matched in linear time.

Patterns come from untrusted repositories; translated to a backtracking regular expression,
`*a*a*a*b` would take for ever. So a pattern becomes a small automaton whose states are the bits
of one integer, stepped once per byte of the text.

`*`, `?` and `[…]` never match '/'; `**` between slashes (or at an end) matches any number of
components; anywhere else it is `*`.
"""

from collections.abc import Callable
from functools import lru_cache

_SLASH = 0x2F


class Wildmatch:
    """One compiled pattern."""

    __slots__ = ("_accept", "_advance", "_epsilon", "_jump", "_loop", "_loop_slash", "_never")

    def __init__(self, pattern: bytes) -> None:
        self._advance = [0] * 256  # per byte: states that move to the next one
        self._epsilon = 0  # states that may be left without a byte
        self._jump = 0  # states that may be skipped together with their successor
        self._loop = 0  # states that stay on any byte but '/'
        self._loop_slash = 0  # states that stay on any byte
        self._never = False
        self._accept = 1 << self._compile(pattern)

    def _compile(self, pattern: bytes) -> int:
        """Fill the tables; returns the number of the accepting state."""
        state = position = 0
        while position < len(pattern):
            byte = pattern[position]
            if byte == 0x2A:  # *
                position, state = self._star(pattern, position, state)
                continue
            if byte == 0x5B:  # [
                position, members = _bracket(pattern, position)
                self._never = self._never or not members
            elif byte == 0x3F:  # ?
                position, members = position + 1, _NOT_SLASH
            else:
                escaped = byte == 0x5C
                position += 1 + escaped
                self._never = self._never or position > len(pattern)
                members = pattern[position - 1 : position]
            for member in members:
                self._advance[member] |= 1 << state
            state += 1
        return state

    def _star(self, pattern: bytes, start: int, state: int) -> tuple[int, int]:
        end = start
        while end < len(pattern) and pattern[end] == 0x2A:
            end += 1
        opens = start == 0 or pattern[start - 1] == _SLASH
        if end - start >= 2 and opens and end == len(pattern):
            self._epsilon |= 1 << state
            self._loop_slash |= 1 << state
            return end, state + 1
        if end - start >= 2 and opens and pattern[end] == _SLASH:
            # entry state (skips itself and the inner one), inner state (leaves after a slash)
            self._epsilon |= 1 << state
            self._jump |= 1 << state
            self._loop_slash |= 2 << state
            self._advance[_SLASH] |= 2 << state
            return end + 1, state + 2
        self._epsilon |= 1 << state
        self._loop |= 1 << state
        return end, state + 1

    def _close(self, states: int) -> int:
        while True:
            more = states | (states & self._epsilon) << 1 | (states & self._jump) << 2
            if more == states:
                return states
            states = more

    def match(self, text: bytes) -> bool:
        """True if the whole text matches."""
        if self._never:
            return False
        states = self._close(1)
        for byte in text:
            stay = self._loop_slash if byte == _SLASH else self._loop | self._loop_slash
            states = self._close((states & self._advance[byte]) << 1 | states & stay)
            if not states:
                return False
        return bool(states & self._accept)


_NOT_SLASH = bytes(byte for byte in range(256) if byte != _SLASH)


def _bracket(pattern: bytes, start: int) -> tuple[int, bytes]:
    """The set `[…]` that begins at `start`: (position behind it, members); none if malformed."""
    position = start + 1
    negated = pattern[position : position + 1] in (b"!", b"^")
    position += negated
    members: set[int] = set()
    first = True
    while first or pattern[position : position + 1] != b"]":
        first = False
        if pattern[position : position + 2] == b"[:":
            end = pattern.find(b":]", position)
            named = _named_class(pattern[position + 2 : end]) if end >= 0 else None
            if named is None:
                return len(pattern), b""
            members |= named
            position = end + 2
            continue
        low, position = _member(pattern, position)
        high = low
        if pattern[position : position + 1] == b"-" and pattern[
            position + 1 : position + 2
        ] not in (b"]", b""):
            high, position = _member(pattern, position + 1)
        if low < 0 or high < 0:
            return len(pattern), b""
        members.update(range(low, high + 1))
    chosen = set(range(256)) - members if negated else members
    return position + 1, bytes(sorted(chosen - {_SLASH})) or b""


def _member(pattern: bytes, position: int) -> tuple[int, int]:
    """One byte of a set, perhaps escaped: (its value or -1 at the pattern's end, next position)."""
    if pattern[position : position + 1] == b"\\":
        position += 1
    if position >= len(pattern):
        return -1, position
    return pattern[position], position + 1


@lru_cache(maxsize=32)
def _named_class(name: bytes) -> frozenset[int] | None:
    tests: dict[bytes, Callable[[int], bool]] = {
        b"cntrl": lambda b: b < 32 or b == 127,
        b"graph": lambda b: 32 < b < 127,
        b"print": lambda b: 32 <= b < 127,
        b"punct": lambda b: 32 < b < 127 and not chr(b).isalnum(),
        b"space": lambda b: b in b" \t\n\v\f\r",
        b"blank": lambda b: b in b" \t",
        b"digit": lambda b: 48 <= b < 58,
        b"xdigit": lambda b: b in b"0123456789abcdefABCDEF",
        b"upper": lambda b: 65 <= b < 91,
        b"lower": lambda b: 97 <= b < 123,
        b"alpha": lambda b: b < 128 and chr(b).isalpha(),
        b"alnum": lambda b: b < 128 and chr(b).isalnum(),
    }
    test = tests.get(name)
    return None if test is None else frozenset(byte for byte in range(256) if test(byte))
