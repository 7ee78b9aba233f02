"""Digests of every kind; md5-dos2unix in both readings, with values from the real DVCs."""

import hashlib

import blake3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.formats.hashing import CHUNK_SIZE, hasher_for, new_hasher
from vfs.types import Algorithm, Digest

CRLF = b"crlf\r\nline\r\n"
# One chunk of text, one that is not, then text again; and the other way round.
MIXED = (b"line\r\n" * 200_000)[:CHUNK_SIZE] + b"\0\xff\r\n" * (1 << 18) + b"tail\r\n" * 50_000
MIXED_2 = b"\0\xff\r\n" * (1 << 18) + (b"line\r\n" * 200_000)[:CHUNK_SIZE] + b"tail\r\n" * 5


def run(algorithm: Algorithm, data: bytes, step: int = 1 << 30, **options: int) -> bytes:
    hasher = new_hasher(algorithm, **options)
    for start in range(0, len(data), step):
        hasher.update(memoryview(data)[start : start + step])
    value = hasher.digest()
    assert hasher.digest() == value
    assert hasher.matches(value)
    assert not hasher.matches(value[:-1])
    return value


def test_crlf_by_both_dvcs() -> None:
    """Ids that DVC 2.58.2 and 3.67.1 gave the same file."""
    assert run(Algorithm.MD5_DOS2UNIX, CRLF).hex() == "ea2dddc0f5cbc7826964e2185a2e8222"
    assert run(Algorithm.MD5, CRLF).hex() == "a7e3167904713e16203bf1397e93aa16"


@pytest.mark.parametrize(
    ("data", "dvc3", "dvc2"),
    [
        (MIXED, "50790bdfdf9d88954075b1ab7ebe5ebb", "ccf27f192a1faf53f35f12c5041124f8"),
        (MIXED_2, "589266ecd56ebb527f1cc838bb8acedd", "724ceffd03e342894d41fad5a0d49613"),
    ],
)
@pytest.mark.parametrize("step", [1 << 30, 700_001, CHUNK_SIZE, CHUNK_SIZE - 1])
def test_files_that_change_their_nature(data: bytes, dvc3: str, dvc2: str, step: int) -> None:
    """Ids that dvc-data 3.18.3 and DVC 2.58.2 gave these bytes."""
    hasher = new_hasher(Algorithm.MD5_DOS2UNIX)
    for start in range(0, len(data), step):
        hasher.update(data[start : start + step])
    assert hasher.digest().hex() == dvc3
    assert hasher.matches(bytes.fromhex(dvc3))
    assert hasher.matches(bytes.fromhex(dvc2))
    assert not hasher.matches(hashlib.md5(data + b"x").digest())


def test_a_line_end_over_a_chunk_border_stays() -> None:
    data = b"x" * (CHUNK_SIZE - 1) + b"\r\n" + b"y"
    assert run(Algorithm.MD5_DOS2UNIX, data) == hashlib.md5(data).digest()


@pytest.mark.parametrize(
    ("head", "text"),
    [(b"", True), (b"a", True), (b"\0", False), (b"\x80" * 30 + b"a" * 68, True), (b"\x80" * 31 + b"a" * 67, False),
     (b"a" * 512 + b"\0", True), (b"a" * 511 + b"\0", False), (b"\b\f\t", True), (b"\x7f\v", False)],
)  # fmt: skip
def test_what_counts_as_text(head: bytes, text: bool) -> None:
    data = head + b"\r\n"
    expected = data.replace(b"\r\n", b"\n") if text else data
    assert run(Algorithm.MD5_DOS2UNIX, data) == hashlib.md5(expected).digest()


def test_plain_algorithms() -> None:
    assert run(Algorithm.SHA256, b"abc") == hashlib.sha256(b"abc").digest()
    assert run(Algorithm.BLAKE3, b"abc") == blake3.blake3(b"abc").digest()
    assert run(Algorithm.MD5_DOS2UNIX, b"") == hashlib.md5(b"").digest()


def test_git_blobs() -> None:
    """`git hash-object` of `hello\\n`, in both object formats."""
    assert (
        run(Algorithm.GIT, b"hello\n", size=6).hex() == "ce013625030ba8dba906f756967f9e9ca394464a"
    )
    sha256 = run(Algorithm.GIT, b"hello\n", size=6, length=32)
    assert sha256.hex() == "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4"
    hasher = hasher_for(Digest(Algorithm.GIT, sha256), 6)
    hasher.update(b"hello\n")
    assert hasher.matches(sha256)


def test_mistakes_of_the_caller() -> None:
    for algorithm in (Algorithm.GIT, Algorithm.PLACE):
        with pytest.raises(ValueError, match="cannot hash"):
            new_hasher(algorithm)


def reference(data: bytes) -> bytes:
    """The rule, written down naively."""
    plain = hashlib.md5()
    for start in range(0, len(data), CHUNK_SIZE):
        chunk = data[start : start + CHUNK_SIZE]
        head = chunk[:512]
        odd = sum(byte not in b"\n\r\t\f\b" and not 32 <= byte <= 126 for byte in head)
        text = 0 not in head and odd / len(head) <= 0.30
        plain.update(chunk.replace(b"\r\n", b"\n") if text else chunk)
    return plain.digest()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"a\r\n", b"\0\r\n", b"\x90\r\n", b"b\r"]), st.integers(0, 450_000)
        ),
        max_size=4,
    ),
    st.lists(st.integers(1, 1_500_000), min_size=1, max_size=4),
)
def test_any_split_gives_the_same(parts: list[tuple[bytes, int]], steps: list[int]) -> None:
    data = b"".join(piece * count for piece, count in parts)
    hasher = new_hasher(Algorithm.MD5_DOS2UNIX)
    start, turn = 0, 0
    while start < len(data):
        hasher.update(data[start : start + steps[turn % len(steps)]])
        start += steps[turn % len(steps)]
        turn += 1
    assert hasher.digest() == reference(data)
