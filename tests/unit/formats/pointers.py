"""What a text is as a pointer."""

from vfs.formats.pointer import (
    Out,
    Pointer,
    parse_pointer,
)
from vfs.types import Algorithm, Digest

MD5 = "b1946ac92492d2347c6235b4d2611184"


def digest(text: str, algorithm: Algorithm = Algorithm.MD5) -> Digest:
    return Digest(algorithm, bytes.fromhex(text))


def parse(text: str, path: bytes = b"x.dvc") -> Pointer:
    return parse_pointer(text.encode(), path)


def only(text: str, path: bytes = b"x.dvc") -> Out:
    pointer = parse(text, path)
    assert pointer.problems == ()
    (out,) = pointer.outs
    return out


def problem(text: str, path: bytes = b"x.dvc") -> tuple[bytes, str, str]:
    pointer = parse(text, path)
    assert pointer.outs == ()
    (found,) = pointer.problems
    return found.path, found.code, found.message
