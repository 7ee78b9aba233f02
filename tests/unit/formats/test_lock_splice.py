"""Entries that are spliced into a lock: the bytes of the long way."""

from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.formats.lock_splice import spliced
from vfs.formats.locked import with_entries
from vfs.formats.stage_values import Locked, LockedItem
from vfs.types import Algorithm, Digest

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=90)
NAMES = st.sampled_from(["a", "b", "a-b", "each@x", "123", "true", "a b", "n" * 140]) | TEXT
VALUES = st.recursive(
    # floats of many digits are other ones after the long way, which reads and writes them
    st.none() | st.booleans() | st.integers() | st.sampled_from([0.1, 1e-5, 1.0]) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def item(path: str, number: int) -> LockedItem:
    digest = Digest(Algorithm.MD5, number.to_bytes(16, "big"))
    return LockedItem(path, digest, bool(number % 2), number, 3 if number % 2 else None)


RUNS = st.builds(
    lambda command, deps, params, outs: Locked(
        command,
        {path: item(path, number) for path, number in deps.items()},
        {"params.yaml": params} if params else {},
        {path: item(path, number) for path, number in outs.items()},
    ),
    TEXT | st.lists(TEXT, min_size=1, max_size=3).map(tuple),
    st.dictionaries(TEXT, st.integers(0, 99), max_size=2),
    st.dictionaries(TEXT, VALUES, max_size=3),
    st.dictionaries(TEXT, st.integers(0, 99), max_size=2),
)


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, RUNS), min_size=1, max_size=6))
def test_as_the_long_way(entries: list[tuple[str, Locked]]) -> None:
    old: bytes | None = None
    for name, run in entries:
        new = with_entries(old, "dvc.lock", {name: run})
        assert new is not None
        short = None if old is None else spliced(old, name, run)
        assert short is None or short == new
        old = new


def test_what_follows_the_stages_or_is_commented_takes_the_long_way() -> None:
    run = Locked("x", outs={"o": item("o", 2)})
    plain = with_entries(None, "dvc.lock", {"a": run}) or b""
    assert spliced(plain, "b", run) is not None
    assert spliced(plain + b"datasets: []\n", "b", run) is None
    assert spliced(plain.replace(b"cmd: x", b"cmd: x # why"), "b", run) is None
