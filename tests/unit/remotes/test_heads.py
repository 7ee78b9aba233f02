"""Heads of answers mean what `http.client` reads in them, whoever reads them; heads of requests cannot be forged."""

import http.client
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.remotes.heads import Headers, QuickResponse, request_head

PLAIN = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\ncontent-length:5 \r\nX-A: 1\r\nx-a: 2\r\nConnection: Close\r\n\r\nhello",
    b"HTTP/1.1 206\r\nContent-Length: 5\r\nContent-Range: bytes 0-4/9\r\n\r\nhello",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
]  # fmt: skip
OTHERS = [
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n folded: yes\r\n\r\nhello",
    b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 5\r\n\r\nhello",
    b"SSH-2.0 hello\r\n\r\n",
    b"",
]


def answered(kind: type[http.client.HTTPResponse], data: bytes, method: str) -> list[object]:
    """What is seen of an answer, or how it fails."""
    near, far = socket.socketpair()
    with near, far:
        far.sendall(data)
        far.shutdown(socket.SHUT_WR)
        answer = kind(near, method=method)
        try:
            answer.begin()
            fields = Headers.of(answer)
            shown = [fields.get(name) for name in ("ETAG", "x-A", "content-range", "nothing")]
            seen = [answer.status, answer.length, answer.will_close, bool(answer.chunked), *shown]
            return [*seen, answer.read()]
        except http.client.HTTPException as error:
            return [type(error)]
        finally:
            answer.close()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("data", [*PLAIN, *OTHERS])
def test_an_answer_is_what_http_client_reads(data: bytes, method: str) -> None:
    ours, theirs = (answered(k, data, method) for k in (QuickResponse, http.client.HTTPResponse))
    assert ours == theirs


@given(st.sampled_from([*PLAIN, *OTHERS]), st.integers(0, 80), st.binary(max_size=3))
def test_a_broken_answer_is_what_http_client_makes_of_it(
    data: bytes, at: int, other: bytes
) -> None:
    broken = data[:at] + other + data[at + 1 :]
    ours, theirs = (answered(k, broken, "GET") for k in (QuickResponse, http.client.HTTPResponse))
    assert ours == theirs


@pytest.mark.parametrize("data", PLAIN)
def test_a_plain_head_is_read_here(data: bytes) -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(data)
        answer = QuickResponse(near, method="GET")
        answer.begin()
        assert answer.fields
        answer.close()


def test_the_head_of_a_request() -> None:
    head = request_head("GET", "/a?b=c", {"Host": "h", "Range": "bytes=0-4"})
    assert head == b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nRange: bytes=0-4\r\n\r\n"


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "/\x7f", "/ä", "/a\n", ""])
def test_a_target_that_would_end_the_line_is_refused(target: str) -> None:
    with pytest.raises(http.client.InvalidURL):
        request_head("GET", target, {})


@pytest.mark.parametrize(
    ("name", "value"), [("A", "b\r\nC: d"), ("A", "b\n"), ("A", "\r"), ("A\r\nB", "c"), ("A b", "c"), ("", "c")]
)  # fmt: skip
def test_a_header_that_would_make_others_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        request_head("GET", "/", {name: value})
