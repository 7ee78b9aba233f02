"""Reads `.gitmodules` (git-config syntax), as far as paths and URLs of submodules go.

Rule: the file is untrusted. It is not given to a Git configuration reader, which would follow
`include.path`; whatever this small reader does not understand is ignored.
"""

import re

_SECTION = re.compile(rb'\[\s*submodule\s+"((?:[^"\\]|\\.)*)"\s*\]', re.IGNORECASE)
_SETTING = re.compile(rb"(path|url)\s*=\s*(.*)", re.IGNORECASE)
MAX_MODULES = 1 << 20


def submodule_urls(data: bytes) -> dict[bytes, str | None]:
    """Path of each submodule -> its URL as written (None if it has none)."""
    sections: dict[bytes, dict[bytes, bytes]] = {}
    current: dict[bytes, bytes] | None = None
    for raw in data.splitlines():
        line = raw.strip()
        if line.startswith(b"["):
            header = _SECTION.match(line)
            current = sections.setdefault(header[1], {}) if header else None
            line = line[header.end() :].strip() if header else b""
        setting = _SETTING.fullmatch(line)
        if current is not None and setting:
            current[setting[1].lower()] = _unquote(setting[2])
    found: dict[bytes, str | None] = {}
    for section in sections.values():
        path = section.get(b"path", b"").rstrip(b"/")
        if path:
            url = section.get(b"url")
            found[path] = None if url is None else url.decode("utf-8", "surrogateescape")
    return found


def _unquote(value: bytes) -> bytes:
    """A configuration value: quotes removed, comments cut, simple escapes resolved."""
    result = bytearray()
    quoted = False
    index = 0
    while index < len(value):
        byte = value[index : index + 1]
        if byte == b"\\" and index + 1 < len(value):
            index += 1
            result += {b"n": b"\n", b"t": b"\t"}.get(
                value[index : index + 1], value[index : index + 1]
            )
        elif byte == b'"':
            quoted = not quoted
        elif byte in b"#;" and not quoted:
            break
        else:
            result += byte
        index += 1
    return bytes(result).rstrip()
