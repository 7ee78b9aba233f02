r"""Lines of `.gitignore` for outs, as DVC writes and removes them.

Format: `/name` in the `.gitignore` of the out's directory, with `\` before each of `\[]!*#?`. Source: scmrepo's
`git/__init__.py`, pathspec's `escape`.

Where DVC writes a line that Git does not take for the name, the line here is one that Git does: a space at the end is
escaped; a line feed, and a carriage return at the end, which no pattern can hold, become `?`.
"""

_SPECIAL = b"\\[]!*#?"


def ignore_line(name: bytes) -> bytes:
    """The line, without its end, for a name in the directory of the file."""
    escaped = b"".join(
        b"\\" + byte if byte in _SPECIAL else byte for byte in (bytes((b,)) for b in name)
    ).replace(b"\n", b"?")
    if escaped.endswith(b"\r"):  # which Git takes for a part of the line's end
        escaped = escaped[:-1] + b"?"
    if escaped.endswith((b" ", b"\t")):
        escaped = escaped[:-1] + b"\\" + escaped[-1:]
    return b"/" + escaped


def with_line(text: bytes, name: bytes) -> bytes:
    """The file with a line for a name at its end, unless it has one."""
    line = ignore_line(name)
    if line in text.split(b"\n"):
        return text
    return text + (b"" if not text or text.endswith(b"\n") else b"\n") + line + b"\n"


def without_line(text: bytes, name: bytes) -> bytes:
    """The file without the lines for a name; b"" if nothing is left.

    Lines that DVC did not escape are lines for it too.
    """
    line, plain = ignore_line(name), b"/" + name
    kept = [
        one
        for one in text.split(b"\n")
        if line not in (one, one.rstrip(b"\r")) and plain not in (one, one.rstrip(b"\r"))
    ]
    return b"\n".join(kept)
