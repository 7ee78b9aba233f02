"""The reader of configuration files, with honest and hostile files."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vfs.config.files import MAX_BYTES, Written, parse_settings, read_settings_file
from vfs.errors import ConfigError


def test_two_levels_of_plain_values_with_their_lines() -> None:
    text = b"# mine\ncache:\n  limit: 20GiB   # half the disk\ntransfer:\n  jobs: 32\nmount:\n"
    assert parse_settings(text, "f") == {
        "cache.limit": Written("20GiB", 3),
        "transfer.jobs": Written("32", 5),
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:20", "1:20"),
        ("010", "010"),
        ("yes", "yes"),
        ("'5'", "5"),
        ("null", "null"),
        ("2001-01-01", "2001-01-01"),
    ],
)
def test_values_stay_the_text_they_are(text: str, value: str) -> None:
    assert parse_settings(f"a: {{b: {text}}}".encode(), "f")["a.b"].text == value


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"---\n", b"{}", b"~"])
def test_empty_files_set_nothing(text: bytes) -> None:
    if text == b"~":
        with pytest.raises(ConfigError, match="mapping"):
            parse_settings(text, "f")
    else:
        assert parse_settings(text, "f") == {}


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        (b"a: [1]", 1, "only sections"),
        (b"a: 1", 1, "a section of settings"),
        (b"x", 1, "a mapping of sections"),
        (b"a:\n  b:\n    c: 1\n", 3, "a plain value"),
        (b"a:\n  b: 1\n  b: 2", 3, "already set in line 2"),
        (b"a: {b: 1}\na: {c: 2}", 2, "such a section already"),
        (b"a: &x {b: 1}\nc: *x", 2, "only sections"),
        (b"---\na: {b: 1}\n---\nc: {d: 1}", 3, "one document"),
        (b"a: {b: 1}}", 1, "is not YAML"),
        (b"? {a: 1}\n: 2", 1, "a plain value"),
        (b"a: {? [x] : 1}", 1, "only sections"),
    ],
)
def test_refused_with_file_and_line(text: bytes, line: int, part: str) -> None:
    with pytest.raises(ConfigError, match=part) as caught:
        parse_settings(text, "some/file")
    assert caught.value.message.startswith(f"some/file:{line}: ")


@given(st.binary(max_size=300))
@example(b"[" * 60_000)
@example(b"{" * 60_000)
@example(b"a: " * 20_000)
@example(b"- " * 30_000)
@example(b"a: &a [" + b"*a," * 1000 + b"]")
@example(b"%YAML 9.9\n---\na: {b: 1}")
@example(b"\xff\xfea\x00:\x00")
def test_any_bytes_give_settings_or_a_config_error(data: bytes) -> None:
    try:
        found = parse_settings(data, "f")
    except ConfigError as error:
        named = error.message.startswith("f:")
    else:
        named = True
        assert all(isinstance(value.text, str) for value in found.values())
    assert named


def test_a_missing_file_sets_nothing(tmp_path: Path) -> None:
    assert read_settings_file(tmp_path / "none.yaml") == {}
    assert read_settings_file(tmp_path / "no" / "directory" / "none.yaml") == {}


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "big.yaml"
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="is larger than"):
        read_settings_file(file)


def test_symlinks_and_special_files_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("cache: {dir: /}")
    (tmp_path / "link.yaml").symlink_to("secret")
    os.mkfifo(tmp_path / "fifo.yaml")
    for name in ("link.yaml", "fifo.yaml"):
        with pytest.raises(ConfigError):
            read_settings_file(tmp_path / name)


def test_a_linked_directory_of_a_repository_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "local.yaml").write_text("cache: {dir: /tmp/x}")
    (tmp_path / ".vfs").symlink_to("evil")
    with pytest.raises(ConfigError, match="not a directory"):
        read_settings_file(tmp_path / ".vfs" / "local.yaml")
