"""Git LFS pointers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.formats.lfs import parse_lfs_pointer
from vfs.types import Algorithm, Blob, Digest

OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n".encode()
BLOB = Blob(Digest(Algorithm.SHA256, bytes.fromhex(OID)), 12345)


@pytest.mark.parametrize(
    "data",
    [POINTER, POINTER[:-1], POINTER.replace(b"\n", b"\r\n"),
     POINTER.replace(b"https://git-lfs.github.com/spec/v1", b"https://hawser.github.com/spec/v1")],
)  # fmt: skip
def test_pointers(data: bytes) -> None:
    assert parse_lfs_pointer(data) == BLOB


def test_size_zero_and_limit() -> None:
    assert parse_lfs_pointer(POINTER.replace(b"12345", b"0")) == Blob(BLOB.digest, 0)
    assert parse_lfs_pointer(POINTER.replace(b"12345", str(2**63 - 1).encode())) == Blob(
        BLOB.digest, 2**63 - 1
    )


@pytest.mark.parametrize(
    "data",
    [b"", b"text", POINTER + b"\n", POINTER + b"x 1\n", b"\n" + POINTER, POINTER.replace(b"spec/v1", b"spec/v2"),
     POINTER.replace(b"sha256:", b"sha512:"), POINTER.replace(b"4d7a", b"4D7A"), POINTER.replace(b"4d7a", b"d7a"),
     POINTER.replace(b"12345", b"-1"), POINTER.replace(b"12345", b"01"), POINTER.replace(b"12345", b"1e5"),
     POINTER.replace(b"12345", str(2**63).encode()), POINTER.replace(b"12345", b"9" * 30),
     POINTER.replace(b"12345", b"12345 "), POINTER.replace(b"size 12345\n", b""),
     POINTER.replace(b"oid", b"ext-0-foo sha256:" + OID.encode() + b"\noid"),
     b"\n".join([*POINTER.split(b"\n")[1:3], POINTER.split(b"\n")[0]]), POINTER + b" " * 1000],
)  # fmt: skip
def test_anything_else_is_plain_content(data: bytes) -> None:
    assert parse_lfs_pointer(data) is None


@given(st.binary(max_size=50), st.integers(0, len(POINTER)))
def test_arbitrary_bytes(junk: bytes, at: int) -> None:
    found = parse_lfs_pointer(POINTER[:at] + junk + POINTER[at:])
    assert found is None or isinstance(found, Blob)
