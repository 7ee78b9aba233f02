"""One option is changed; every other byte of the file stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.formats.dvcconfig import parse_dvc_config
from vfs.formats.ini_edit import quoted, remove_section, set_option, unset_option

FILE = b"""\
# of the team
[core]
  analytics = false   # no
  Remote="a"

# the first
[ remote "A" ]
    url = '''x
y'''  # odd
    # its region
    region = eu
['remote "b"']
    url = s3://b
"""


def edit(*change: str) -> bytes:
    return set_option(FILE, *change, file="config")


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (("core", "remote", "b"), b'Remote="a"', b"Remote = b"),
        (("core", "analytics", "true"), b"false   # no", b"true  # no"),
        (("core", "no_scm", "true"), b'"a"\n', b'"a"\n  no_scm = true\n'),
        (('remote "a"', "url", "z"), b"'''x\ny'''  # odd", b"z  # odd"),
        (('remote "a"', "port", "1"), b"region = eu\n", b"region = eu\n    port = 1\n"),
        (("cache", "dir", "c,d"), b'"a"\n', b'"a"\n[cache]\n    dir = "c,d"\n'),
        (('remote "c\'s"', "url", "c"), b"s3://b\n", b"s3://b\n"),
    ],
)
def test_only_what_is_meant_changes(change: tuple[str, str, str], old: bytes, new: bytes) -> None:
    if change[0] == 'remote "c\'s"':
        with pytest.raises(FormatError, match="both kinds"):
            edit(*change)
    else:
        assert edit(*change) == FILE.replace(old, new)


def test_what_is_taken_away_takes_nothing_along() -> None:
    assert unset_option(FILE, "core", "nope", file="f") is None
    assert unset_option(FILE, "nope", "nope", file="f") is None
    assert unset_option(FILE, 'remote "b"', "url", file="f") == FILE.replace(
        b"    url = s3://b\n", b""
    )
    assert unset_option(b"[core]\n    remote = x\n", "core", "remote", file="f") == b""
    kept = b"[core]\n    # why\n    remote = x\n"
    assert unset_option(kept, "core", "remote", file="f") == b"[core]\n    # why\n"
    assert remove_section(FILE, 'remote "a"', file="f") == FILE[: FILE.index(b"[ remote")] + (
        b"['remote \"b\"']\n    url = s3://b\n"
    )


VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=30)


@given(VALUES, st.sampled_from(["core", "cache", 'remote "a"', 'remote "z z"']))
def test_what_is_written_is_read_back(value: str, section: str) -> None:
    try:
        data = set_option(FILE, section, "Option", value, file="f")
    except FormatError:
        assert ("'" in value and '"' in value) or value.splitlines() != [value]
        return
    found = parse_dvc_config(data, file="f")
    before = parse_dvc_config(FILE, file="f")
    kind, _, name = section.partition(" ")
    options = found[kind][name.strip('"')] if name else found[kind]
    assert options.pop("option") == value
    for wanted in (found, before):
        for key in [key for key, item in wanted.items() if not item]:
            del wanted[key]
        for empty in [n for n, item in wanted["remote"].items() if not item]:
            del wanted["remote"][empty]
    assert found == before


def test_the_empty_text_is_quoted() -> None:
    assert quoted("") == '""'
