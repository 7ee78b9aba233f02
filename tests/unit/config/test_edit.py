"""Setting one value in a file that belongs to a person."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.config.edit import edited, set_user_setting
from vfs.config.files import parse_settings
from vfs.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "vfs" / "config.yaml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "cache:\n  limit: 5GiB\n"),
        ("# mine\n", "# mine\ncache:\n  limit: 5GiB\n"),
        ("cache:\n    limit: 1GiB  # half\n", "cache:\n    limit: 5GiB  # half\n"),
        ("cache:\n    min_free: 1GiB\n", "cache:\n    limit: 5GiB\n    min_free: 1GiB\n"),
        (
            "cache:   # here\nmount:\n  push_small: 0",
            "cache:   # here\n  limit: 5GiB\nmount:\n  push_small: 0\n",
        ),
        ('cache:\n  limit: "1 GiB"  # quoted\n', "cache:\n  limit: 5GiB  # quoted\n"),
        ("mount: {push_small: 0}\n", "mount: {push_small: 0}\ncache:\n  limit: 5GiB\n"),
    ],
)
def test_the_rest_of_the_file_stays(file: Path, before: str | None, after: str) -> None:
    if before is not None:
        file.parent.mkdir()
        file.write_text(before)
    assert set_user_setting("cache.limit", "5GiB") == file
    assert file.read_text() == after


@pytest.mark.parametrize(
    "before",
    ["cache: {limit: 1GiB}\n", "cache: {min_free: 1GiB}\n", "cache:\n  limit: |\n    1GiB\n"],
)
def test_a_form_that_cannot_be_edited_is_left_alone(file: Path, before: str) -> None:
    file.parent.mkdir()
    file.write_text(before)
    with pytest.raises(ConfigError, match="cannot be set without rewriting"):
        set_user_setting("cache.limit", "5GiB")
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("key", "text"), [("cache.limit", "lots"), ("cache.limit", "1"), ("no.such", "1")]
)
def test_impossible_values_are_refused(file: Path, key: str, text: str) -> None:
    with pytest.raises(ConfigError):
        set_user_setting(key, text)
    assert not file.exists()


@given(st.permutations(["cache", "mount", "transfer"]), st.booleans())
def test_a_setting_can_be_set_twice(order: list[str], comment: bool) -> None:
    known = {"cache": "min_free: 2GiB", "mount": "push_small: 0", "transfer": "jobs: 2"}
    text = "".join(f"{name}:{' # c' if comment else ''}\n  {known[name]}\n" for name in order)
    for size in ("1GiB", "2GiB"):
        text = edited(
            text, "cache.limit", size, parse_settings(text.encode(), "f").get("cache.limit")
        )
        found = parse_settings(text.encode(), "f")
        assert found["cache.limit"].text == size
        assert len(found) == 4
