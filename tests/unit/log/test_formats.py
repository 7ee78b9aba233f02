"""Lines for people and objects for programs; ids of requests in both, across tasks and threads."""

import json
import logging
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import RemoteUnavailable
from vfs.log import about, hold, setup
from vfs.log.formats import JsonFormatter, LineFormatter
from vfs.log.requests import begin, concerns, current, end, request, resume, told

log = logging.getLogger("vfs.test")


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.none()))
def test_any_text_is_one_object_on_one_line(text: str, fields: dict[str, str | int | None]) -> None:
    record = logging.LogRecord("vfs.x", logging.INFO, "", 0, "%s", (text,), None)
    vars(record).update(about(**fields))
    line = JsonFormatter().format(record)
    assert len(line.splitlines()) == 1
    said = json.loads(line)
    assert said["level"] == "INFO"
    assert said["logger"] == "vfs.x"


def test_an_object_has_what_is_known_and_no_secret() -> None:
    try:
        raise ValueError("https://u:S3CRET@h/")
    except ValueError as error:
        information = (type(error), error, error.__traceback__)
    record = logging.LogRecord(
        "vfs.x", logging.ERROR, "", 0, "at %s", ("s3://k:S3CRET@b",), information
    )
    vars(record).update(about(remote="https://me:S3CRET@host/", attempt=3, key=None))
    text = JsonFormatter().format(record)
    assert "S3CRET" not in text
    said = json.loads(text)
    assert said["message"] == "at s3://***@b"
    assert (said["remote"], said["attempt"]) == ("https://***@host/", 3)
    assert said["traceback"].startswith("Traceback")
    assert "key" not in said
    assert "request" not in said
    assert len(said["time"]) == len("2026-01-31T12:00:00.123Z")


def test_a_field_cannot_pretend_to_be_the_record() -> None:
    record = logging.LogRecord("vfs.x", logging.ERROR, "", 0, "true", (), None)
    vars(record).update(about(message="false", level="INFO"))
    said = json.loads(JsonFormatter().format(record))
    assert (said["message"], said["level"]) == ("true", "ERROR")


async def test_an_id_reaches_threads_and_tasks_and_nobody_else(tmp_path: Path) -> None:
    close = setup(tmp_path / "log", foreground=False, as_json=True)
    began: list[str] = []

    async def serve(number: int) -> None:
        with request():
            began.append(current())
            log.info("begins %d", number)
            await trio.to_thread.run_sync(log.info, "in a thread %d", number)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(task, number)
        log.info("over %d", number)

    async def task(number: int) -> None:
        await trio.lowlevel.checkpoint()
        log.info("in a task %d", number)

    try:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(serve, number)
    finally:
        close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    by_number: dict[str, set[str | None]] = {}
    for line in lines:
        text, number = line["message"].rsplit(" ", 1)
        if text == "over":
            assert "request" not in line
        else:
            by_number.setdefault(number, set()).add(line["request"])
    assert len(by_number) == 5
    assert all(len(ids) == 1 for ids in by_number.values())
    assert set().union(*by_number.values()) == set(began)
    assert len(set(began)) == 5


async def test_queued_work_goes_on_with_the_id_of_who_asked() -> None:
    with request():
        asked = current()
    seen: list[str] = []

    async def work() -> None:
        resume(asked)
        seen.append(await trio.to_thread.run_sync(current))

    with request():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
        assert current() != asked
    assert seen == [asked]


def test_an_error_is_logged_with_the_request_that_it_ended(tmp_path: Path) -> None:
    close = setup(tmp_path / "log", foreground=False)
    token = begin()
    asked = current()
    error = RemoteUnavailable("no answer")
    concerns(error, b"data/\xff.bin")
    end(token, error)
    assert current() == ""
    told(log, "read", error)
    log.warning("plain")
    close()
    first, second = (tmp_path / "log").read_text().splitlines()
    assert first.endswith(f"WARNING vfs.test [{asked}]: read: data/\\xff.bin: no answer")
    assert second.endswith("WARNING vfs.test: plain")


def test_a_bug_too(tmp_path: Path) -> None:
    close = setup(tmp_path / "log", foreground=False, as_json=True)
    ids: list[str] = []
    try:
        with request():
            ids.append(current())
            raise ValueError("bug")
    except ValueError:
        log.exception("internal")
    close()
    assert json.loads((tmp_path / "log").read_text())["request"] == ids[0]


def test_what_is_said_before_it_is_known_where_to_is_kept(tmp_path: Path) -> None:
    release = hold()
    log.warning("early")
    close = setup(tmp_path / "log", foreground=False, as_json=True)
    release()
    log.warning("late")
    close()
    said = [json.loads(line)["message"] for line in (tmp_path / "log").read_text().splitlines()]
    assert said == ["early", "late"]


@pytest.mark.parametrize("made", [LineFormatter, JsonFormatter])
def test_both_take_a_record_without_anything(made: type[logging.Formatter]) -> None:
    assert "x" in made().format(logging.LogRecord("vfs", logging.INFO, "", 0, "x", None, None))
