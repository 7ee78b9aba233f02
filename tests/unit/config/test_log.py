"""Log lines: no credentials, one line per record, private files; and counters."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.log import KEPT_WARNINGS, LineFormatter, Recent, redact, setup
from vfs.metrics import Counters


@pytest.mark.parametrize(
    "text",
    [
        "clone https://user:S3CRET@host/repo.git failed",
        "https://S3CRET@host/x",
        "ssh://me:S3CRET@host:22/",
        "GET https://b.s3/k?X-Amz-Signature=S3CRET&X-Amz-Date=1",
        "GET https://b/k?a=b&x-amz-security-token=S3CRET",
        "https://acc.blob/c?sv=1&sig=S3CRET",
        "Authorization: Bearer S3CRET",
        "{'Authorization': 'Basic S3CRET'}",
        "proxy-authorization=S3CRET",
        "aws_secret_access_key = S3CRET",
        '{"password": "S3CRET"}',
        "secret_access_key=S3CRET, region=x",
    ],
)
def test_credentials_are_redacted(text: str) -> None:
    assert "S3CRET" not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://host/path/to@file",
        "s3://bucket/files/md5/ab/cdef",
        "git@github.com:org/repo.git",
        "read data/password.txt of main",
        "12 keys in 3 s",
    ],
)
def test_harmless_text_stays(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=400))
def test_redaction_takes_any_text(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(st.text(max_size=100))
def test_a_hostile_name_stays_on_one_line(name: str) -> None:
    record = logging.LogRecord("vfs.x", logging.INFO, "", 0, "read %s", (name,), None)
    line = LineFormatter().format(record)
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_a_traceback_follows_and_is_redacted() -> None:
    try:
        raise ValueError("https://u:S3CRET@h/")
    except ValueError as error:
        information = (type(error), error, error.__traceback__)
    record = logging.LogRecord("vfs.x", logging.ERROR, "", 0, "bad", (), information)
    text = LineFormatter().format(record)
    assert "Traceback" in text
    assert "S3CRET" not in text


def test_the_file_is_private_and_the_format_is_stable(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    close = setup(file, foreground=False, level=logging.INFO)
    try:
        logging.getLogger("vfs.remotes").warning("slow %s", "s3://b")
        logging.getLogger("vfs.remotes").debug("not shown")
    finally:
        close()
    line = file.read_text()
    stamp, level, name, rest = line.split(" ", 3)
    assert (level, name, rest) == ("WARNING", "vfs.remotes:", "slow s3://b\n")
    assert stamp.endswith("Z")
    assert len(stamp) == len("2026-01-31T12:00:00.123Z")
    assert file.stat().st_mode & 0o777 == 0o600


def test_setup_replaces_what_was_set_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup(tmp_path / "a.log", foreground=True)
    close = setup(tmp_path / "b.log", foreground=True)
    logging.getLogger("vfs").info("once")
    close()
    assert (tmp_path / "a.log").read_text() == ""
    assert (tmp_path / "b.log").read_text().count("once") == 1
    assert capsys.readouterr().err.count("once") == 1


def test_the_last_warnings_are_remembered_once_each() -> None:
    close = setup(None, foreground=False)
    recent = Recent()
    logger = logging.getLogger("vfs.remotes")
    for _ in range(3):
        logger.warning("https://me:S3CRET@host says\nno")
    logger.info("all is well")
    (item,) = recent.items()
    assert (item["message"], item["times"]) == ("https://***@host says\\x0ano", 3)
    for number in range(KEPT_WARNINGS):
        logger.error("%d", number)
    assert [item["message"] for item in recent.items()] == [str(n) for n in range(KEPT_WARNINGS)]
    close()
    logger.warning("after the end")
    assert len(recent.items()) == KEPT_WARNINGS


class _Base(Counters):
    requests: int = 0


class _More(_Base):
    received: int = 0


def test_counters_count_per_instance_in_declared_order() -> None:
    one, two = _More(), _More()
    one.requests += 1
    one.received += 10
    assert list(one.snapshot().items()) == [("requests", 1), ("received", 10)]
    assert two.snapshot() == {"requests": 0, "received": 0}
    assert repr(one) == "_More(requests=1, received=10)"
