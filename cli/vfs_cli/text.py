"""Values as people read them.

Rule: names and messages may come from a hostile repository; whatever goes to a terminal has its control characters
escaped, so that it can neither move the cursor nor pretend to be another line.
"""

import os
import time

from vfs.config.units import format_size

__all__ = [
    "age",
    "columns",
    "count",
    "date",
    "format_size",
    "printable",
    "readable",
    "shell_word",
    "wrapped",
]

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}
_CONTROL |= {
    code: f"\\u{code:04x}"
    for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


def printable(text: str) -> str:
    """`text` on one line, without control or direction-changing characters."""
    return text.translate(_CONTROL).encode("utf-8", "backslashreplace").decode()


def readable(path: bytes) -> str:
    """A path for a terminal or a sentence."""
    return printable(path.decode("utf-8", "backslashreplace"))


def shell_word(path: bytes) -> str:
    """A path in a command that is told, as a shell takes it; what cannot be shown is escaped as Bash and Zsh do."""
    import shlex  # not needed by most

    path = b"./" + path if path.startswith(b"-") else path
    text = os.fsdecode(path)
    if printable(text) == text:
        return shlex.quote(text)
    plain = (
        chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\{byte:03o}" for byte in path
    )
    return f"$'{''.join(plain)}'"


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def columns() -> int:
    """The width of the terminal."""
    import shutil  # not needed by what goes into a pipe

    return shutil.get_terminal_size().columns


def wrapped(text: str, indent: int) -> str:
    """`text` in lines that fit the terminal, all but the first one indented; words are never broken."""
    import textwrap

    return textwrap.fill(
        printable(text), columns(), subsequent_indent=" " * indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def date(seconds: float) -> str:
    """Local date and time to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def age(seconds: float) -> str:
    """A span of time in its largest unit: `3 h`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"
