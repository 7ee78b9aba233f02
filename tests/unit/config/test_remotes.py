"""Remotes in `.vfs/config.yaml`."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.config import load_settings, parse_remotes, read_remotes_file
from vfs.config.files import MAX_BYTES
from vfs.errors import ConfigError

TEXT = b"""\
transfer: {jobs: 7}
remotes:
  shared:
    url: s3://bucket/data
    layout: packed
  other: {url: ../there, jobs: 4}
"""


def test_remotes_by_name() -> None:
    assert parse_remotes(TEXT, "f") == {
        "shared": {"url": "s3://bucket/data", "layout": "packed"},
        "other": {"url": "../there", "jobs": "4"},
    }


def test_they_stand_beside_settings(tmp_path: Path) -> None:
    (tmp_path / ".vfs").mkdir()
    (tmp_path / ".vfs" / "config.yaml").write_bytes(TEXT)
    assert load_settings(tmp_path).jobs == 7
    assert set(read_remotes_file(tmp_path / ".vfs" / "config.yaml")) == {"shared", "other"}
    assert read_remotes_file(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"remotes: {a: b}", "f:1: a: a section of options"),
        (b"remotes: {a: {b: {c: d}}}", "f:1: a plain value"),
        (b"remotes: {a: {b: [c]}}", "only sections"),
        (b"remotes: {a: {b: 1, b: 2}}", "b: was already set"),
        (b"remotes: {a: {b: 1}, a: {c: 2}}", "a: there is such a remote"),
        (b"remotes: 3", "a section of settings"),
        (b"#" * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_anything_else_is_refused(text: bytes, part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        parse_remotes(text, "f")


@given(st.binary(max_size=60))
def test_noise(noise: bytes) -> None:
    for text in (noise, b"remotes:\n  a:\n    " + noise):
        try:
            parse_remotes(text, "f")
        except ConfigError:
            continue
