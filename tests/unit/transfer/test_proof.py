"""A proof hashes every block once, in order, whatever order blocks come in."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.transfer.proof import ORDER_BLOCKS, Proof
from vfs.types import BLOCK_SIZE, Algorithm, Blob, Digest

pytestmark = pytest.mark.slow

COUNT = 90
CONTENT = b"".join(bytes([n]) * BLOCK_SIZE for n in range(COUNT))[:-5]
BLOB = Blob(Digest(Algorithm.MD5, hashlib.md5(CONTENT).digest()), len(CONTENT))


def block(number: int) -> bytes:
    return CONTENT[number * BLOCK_SIZE :][:BLOCK_SIZE]


@settings(deadline=None, max_examples=12)  # each hashes 22 MiB
@given(st.permutations(range(COUNT)), st.sets(st.integers(0, COUNT - 1), max_size=5))
def test_any_order_and_any_loss(order: list[int], lost: set[int]) -> None:
    proof = Proof(BLOB)
    hashed: list[int] = []
    gone = set(lost)

    def read(number: int) -> bytes | None:
        if number in gone:
            return None
        hashed.append(number)
        return block(number)

    def work() -> None:
        while (run := proof.next_order()) is not None:
            assert run.start == proof.frontier
            assert len(run) <= ORDER_BLOCKS
            missing = proof.advance(run, read)
            if missing is not None:
                proof.unsee(missing)

    for number in order:
        proof.see(number)
        work()
    while gone:
        assert not proof.complete
        proof.see(gone.pop())
        work()
    for number in range(COUNT):  # what was found lost is fetched again
        if not proof.complete:
            proof.see(number)
            work()
    assert proof.complete
    assert hashed == list(range(COUNT))
    assert proof.holds()


def test_one_wrong_byte_shows() -> None:
    proof = Proof(BLOB)
    for number in range(COUNT):
        proof.see(number)
    while (run := proof.next_order()) is not None:
        proof.advance(run, lambda number: block(number).replace(b"\x07", b"\x08", 1))
    assert proof.complete
    assert not proof.holds()


def test_busy_proof_gives_no_order() -> None:
    proof = Proof(BLOB)
    for number in range(COUNT):
        proof.see(number)
    proof.busy = True
    assert proof.next_order() is None
