"""Frames: round trips, and anything else a peer may send."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vfs.control.protocol import (
    HEADER,
    REPLY_LIMIT,
    REQUEST_LIMIT,
    Decoder,
    Failure,
    Progress,
    Reply,
    Request,
    Result,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
    error_of,
    failure_of,
    path_fields,
    path_of,
)
from vfs.errors import DaemonError, FormatError, ProtocolError, UnknownRevision, VfsError

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_data = st.dictionaries(st.text(max_size=8), _json, max_size=4)
_replies = st.one_of(
    st.builds(Progress, _data),
    st.builds(Result, _data),
    st.builds(Failure, st.text(), st.text(), st.none() | st.text(), st.integers(1, 125)),
)


@given(st.text(max_size=20), _data)
def test_requests_round_trip(verb: str, args: dict[str, Any]) -> None:
    (payload,) = Decoder(REQUEST_LIMIT).feed(encode_request(Request(verb, args)))
    assert decode_request(payload) == Request(verb, args)


@given(st.lists(_replies, max_size=5), st.integers(1, 50))
def test_replies_round_trip_however_the_stream_is_cut(replies: list[Reply], step: int) -> None:
    stream = b"".join(map(encode_reply, replies))
    decoder = Decoder(REPLY_LIMIT)
    got = []
    for start in range(0, len(stream), step):
        got += [decode_reply(payload) for payload in decoder.feed(stream[start : start + step])]
    assert got == replies
    assert not decoder.pending


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'{"vfs":1,"verb":"x","args":' + b'{"a":' * 50_000)
@example(b'{"vfs":1,"verb":"x","args":{"n":' + b"9" * 10_000 + b"}}")
@example(b'{"vfs":1,"verb":"x","args":{"n":NaN}}')
@example(b"\xff\xfe")
@example(b"null")
@example(b"{}")
@example(b'{"vfs":1,"verb":1,"args":{}}')
@example(b'{"vfs":1,"verb":"x","args":[]}')
@example(b'{"vfs":2,"verb":"x","args":{}}')
@example(b'{"type":"error","code":"x","message":"y","hint":null,"exit_code":0}')
@example(b'{"type":"error","code":"x","message":"y","hint":null,"exit_code":true}')
@example(b'{"type":"error","code":"x","message":"y","hint":7,"exit_code":1}')
@example(b'{"type":"result","data":null}')
def test_garbage_is_a_protocol_error(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_request(payload)
    with pytest.raises(ProtocolError):
        decode_reply(payload)


def test_a_frame_that_announces_too_much_is_refused_before_it_comes() -> None:
    decoder = Decoder(REQUEST_LIMIT)
    with pytest.raises(ProtocolError, match="exceeds the limit"):
        list(decoder.feed((REQUEST_LIMIT + 1).to_bytes(HEADER, "big")))
    assert list(Decoder(REQUEST_LIMIT).feed(REQUEST_LIMIT.to_bytes(HEADER, "big"))) == []


def test_a_request_too_large_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="exceeds the limit"):
        encode_request(Request("prefetch", {"paths": ["x" * REQUEST_LIMIT]}))


@pytest.mark.parametrize("value", [float("nan"), b"bytes", object(), {1, 2}])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ProtocolError):
        encode_reply(Result({"value": value}))


def test_another_version_is_named() -> None:
    with pytest.raises(ProtocolError, match="speaks version 2") as caught:
        decode_request(json.dumps({"vfs": 2, "verb": "status", "args": {}}).encode())
    assert caught.value.hint is not None


def _all_errors(root: type[VfsError]) -> list[type[VfsError]]:
    return [root, *(found for cls in root.__subclasses__() for found in _all_errors(cls))]


@pytest.mark.parametrize(
    "cls", [cls for cls in _all_errors(VfsError) if cls.__module__ == "vfs.errors"]
)
def test_every_error_survives_the_socket(cls: type[VfsError]) -> None:
    if cls is VfsError:
        return
    error = error_of(failure_of(cls("what happened", hint="what to do")))
    assert type(error) is cls
    assert (error.message, error.hint, error.exit_code) == (
        "what happened",
        "what to do",
        cls.exit_code,
    )


def test_the_place_of_a_format_error_stays_in_its_message() -> None:
    error = error_of(failure_of(FormatError("bad md5", file="a.dvc", line=3)))
    assert error.message == "a.dvc:3: bad md5"


def test_an_error_of_a_newer_daemon_keeps_its_code() -> None:
    error = error_of(Failure("from-the-future", "m", None, 99))
    assert type(error) is DaemonError
    assert (error.code, error.exit_code) == ("from-the-future", 99)
    assert DaemonError.code == "daemon-failed"
    assert UnknownRevision.exit_code == 4


@given(st.binary(max_size=50))
def test_paths_survive_json(path: bytes) -> None:
    fields = json.loads(json.dumps(path_fields(path)))
    assert path_of(fields) == path
    assert ("path_b64" in fields) == (path.decode("utf-8", "replace").encode() != path)


@pytest.mark.parametrize("fields", [{}, {"path": 1}, {"path_b64": "*"}, {"path_b64": "aGk"}])
def test_what_is_no_path(fields: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        path_of(fields)
