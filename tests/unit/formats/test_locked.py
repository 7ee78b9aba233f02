"""Entries of locks and of the run cache. The bytes of the real dvc: tests/compat/test_pipeline_formats.py."""

import datetime
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.formats.definition import definitions
from vfs.formats.locked import entry, locked_stages, with_entries
from vfs.formats.run_cache import (
    cacheable,
    entry_key,
    entry_path,
    entry_text,
    entry_value,
    read_entry,
)
from vfs.formats.stage_values import Locked, LockedItem
from vfs.types import Algorithm, Digest

MD5 = Digest(Algorithm.MD5, bytes(range(16)))
OLD = Digest(Algorithm.MD5_DOS2UNIX, bytes(range(16)))
TEXT = f"""# generated
schema: '2.0'
stages:
  a:
    cmd:
    - one
    - two
    deps:
    - path: d
      hash: md5
      md5: {MD5.hex}.dir
      size: 3
      nfiles: 2
    - path: old
      md5: {OLD.hex}
    - path: s3://b/k
      hash: md5
      etag: '12345'
      size: 1
    params:
      params.yaml:
        lr: 010
        when: 2001-01-31
      b.yaml: {{}}
    outs:
    - path: x
      hash: md5
      md5: {MD5.hex}
      size: 1
      isexec: true
      cloud:
        r:
          version_id: v
""".encode()
A = Locked(
    ("one", "two"),
    {
        "d": LockedItem("d", MD5, True, 3, 2),
        "old": LockedItem("old", OLD),
        "s3://b/k": LockedItem("s3://b/k", None, size=1, rest={"hash": "md5", "etag": "12345"}),
    },
    {"params.yaml": {"lr": 10, "when": datetime.date(2001, 1, 31)}, "b.yaml": {}},
    {
        "x": LockedItem(
            "x", MD5, size=1, executable=True, rest={"cloud": {"r": {"version_id": "v"}}}
        )
    },
)


def test_an_entry_is_read_and_written_as_it_was() -> None:
    assert locked_stages(TEXT, "dvc.lock") == {"a": A}
    text = with_entries(TEXT, "dvc.lock", {"a": A})
    assert text == TEXT.replace(b"lr: 010", b"lr: 10")
    assert locked_stages(None, "dvc.lock") == locked_stages(b"", "dvc.lock") == {}


def test_stages_keep_their_places() -> None:
    one, two = Locked("1"), Locked("2", {"a": LockedItem("a", MD5)}, {"z": {"b": 1, "a": 2}})
    text = with_entries(None, "dvc.lock", {"b": one, "a": one})
    assert text is not None
    text = with_entries(text, "dvc.lock", {"b": two, "c": one})
    assert text is not None
    assert list(locked_stages(text, "dvc.lock")) == ["b", "a", "c"]
    assert list(entry(two)["params"]["z"]) == ["a", "b"]
    assert with_entries(text, "dvc.lock", {}, ["a", "b", "c", "d"]) is None


def test_values_that_stages_share_are_no_aliases() -> None:
    shared = {"f": {"k": [1, 2]}}
    text = with_entries(
        None, "dvc.lock", {"a": Locked("x", {}, shared), "b": Locked("y", {}, shared)}
    )
    assert text is not None
    assert b"&" not in text


def test_a_lock_of_dvc_1_gets_a_schema() -> None:
    old = f"a:\n  cmd: x\n  outs:\n  - path: o\n    md5: {OLD.hex}\n".encode()
    assert locked_stages(old, "f") == {"a": Locked("x", outs={"o": LockedItem("o", OLD)})}
    text = with_entries(old, "f", {"b": Locked("y")})
    assert text is not None
    assert text.startswith(b"schema: '2.0'\nstages:\n  a:\n    cmd: x\n")


@pytest.mark.parametrize(
    "text",
    [
        "schema: '3.0'",
        "schema: '2.0'\nstages: []",
        "schema: '2.0'\nstages: {a: {deps: []}}",
        "schema: '2.0'\nstages: {a: {cmd: 1}}",
        "schema: '2.0'\nstages: {a: {cmd: [1]}}",
        "schema: '2.0'\nstages: {a: {cmd: x, outs: [{path: 1}]}}",
        "schema: '2.0'\nstages: {a: {cmd: x, outs: [{path: o, md5: zz}]}}",
        "schema: '2.0'\nstages: {a: {cmd: x, outs: [{path: o, wrong: 1}]}}",
        "schema: '2.0'\nstages: {a: {cmd: x, params: {f: [1]}}}",
    ],
)
def test_refusals(text: str) -> None:
    with pytest.raises(FormatError, match=r"dvc\.lock"):
        locked_stages(text.encode(), "dvc.lock")


WORDS = st.sampled_from(
    ["schema", "stages", "cmd", "deps", "outs", "params", "path", "md5", "hash"]
)
ANYTHING = st.recursive(
    WORDS | st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
)


@given(st.dictionaries(WORDS, ANYTHING))
def test_nothing_but_refusals(document: object) -> None:
    text = yaml.safe_dump(document).encode()
    with suppress(FormatError):
        locked_stages(text, "dvc.lock")
    with suppress(FormatError):
        with_entries(text, "dvc.lock", {"a": Locked("x")})
    with suppress(FormatError):
        read_entry(text, "entry")


def test_keys_of_the_run_cache() -> None:
    plain = Locked(
        "c", {"d": LockedItem("d", MD5, size=1)}, {"p": {"k": (1,)}}, {"o": LockedItem("o", MD5)}
    )
    larger = Locked(
        "c", {"d": LockedItem("d", MD5, size=2)}, {"p": {"k": [1]}}, {"o": LockedItem("o", OLD)}
    )
    assert entry_key(plain) == entry_key(larger)
    assert entry_value(plain) != entry_value(larger)
    assert entry_key(Locked("d")) != entry_key(Locked("c"))
    key = entry_key(plain)
    assert key is not None
    assert entry_path(key) == f"runs/{key[:2]}/{key}"
    assert read_entry(entry_text(larger), "entry") == larger
    assert entry_key(A) is None  # a date has no form in JSON; DVC fails there


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("deps: [d], outs: [o]", True),
        ("params: [p], metrics: [m: {cache: false}]", True),
        ("deps: [/d, ../../d], plots: [m: {cache: false}]", True),
        ("outs: [o]", False),
        ("deps: [d]", False),
        ("deps: [d], outs: [o], always_changed: true", False),
        ("deps: [d], outs: [o: {persist: true}]", False),
        ("deps: [d], outs: [o: {cache: false}]", False),
        ("deps: [d], outs: [../o]", False),
        ("deps: ['s3://b/k'], outs: [o]", False),
    ],
)
def test_what_is_kept(body: str, expected: bool) -> None:
    text = "stages: {a: {cmd: x, " + body + "}}"
    assert [cacheable(one) for one in definitions(text.encode(), b"dvc.yaml", {})] == [expected]
