import http.client
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import AccessDenied, ObjectMissing, RemoteError, RemoteUnavailable
from vfs.remotes.answers import parse_retry_after, translate_transport
from vfs.remotes.heads import Headers
from vfs.remotes.s3.errors import (
    Refusal,
    parse_refusal,
    translate,
)
from vfs.remotes.s3.listing import BadListing, page_query, parse_page


def headers(**values: str) -> Headers:
    return Headers({name.replace("_", "-").lower(): value for name, value in values.items()})


@given(st.integers(300, 599), st.binary(max_size=300))
def test_any_error_answer_becomes_an_error(status: int, body: bytes) -> None:
    error = translate(parse_refusal(status, headers(), body), "where")
    assert isinstance(error, RemoteError)
    assert str(error).startswith("where: ")
    assert str(error).isprintable()


@given(st.integers(300, 599), st.text(max_size=50))
def test_server_errors_are_passing_and_others_are_not(status: int, message: str) -> None:
    error = translate(Refusal(status, "", message), "w")
    assert error.retryable == (
        status in (408, 409, 425, 429) or status in {500, *range(502, 505), *range(506, 600)}
    )


def test_parts_of_an_answer() -> None:
    body = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>a &amp; b</Message></Error>"
    refusal = parse_refusal(503, headers(Retry_After="7", x_amz_bucket_region="eu-west-1"), body)
    assert refusal == Refusal(503, "SlowDown", "a & b", "eu-west-1", 7.0)
    error = translate(refusal, "w")
    assert isinstance(error, RemoteUnavailable)
    assert error.retry_after == 7.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        ("999999999", 60.0),
        ("-3", None),
        ("Wed, 21 Oct", None),
        ("٣", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value) == seconds


def test_region_is_named() -> None:
    error = translate(Refusal(301, "PermanentRedirect", "x", "eu-west-1"), "w")
    assert type(error) is RemoteError
    assert "eu-west-1" in str(error.hint)


def test_transport_errors() -> None:
    certificate = ssl.SSLCertVerificationError(1, "x")
    certificate.verify_message = "self-signed certificate"
    assert not translate_transport(certificate, "w").retryable
    passing = [
        TimeoutError(), ConnectionResetError(104, "reset"), ssl.SSLEOFError(8, "eof"),
        http.client.BadStatusLine("x"), http.client.IncompleteRead(b""), OSError("odd"),
    ]  # fmt: skip
    for error in passing:
        assert type(translate_transport(error, "w")) is RemoteUnavailable


def test_codes_beat_statuses() -> None:
    assert type(translate(Refusal(404, "NoSuchBucket"), "w")) is RemoteError
    assert type(translate(Refusal(404, "NoSuchKey"), "w")) is ObjectMissing
    assert type(translate(Refusal(400, "ExpiredToken"), "w")) is AccessDenied
    assert type(translate(Refusal(400, "RequestTimeout"), "w")) is RemoteUnavailable


PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextContinuationToken>a+b/c=</NextContinuationToken>
<Contents><Key>p/a+b%2Bc%0A</Key><Size>12</Size><ETag>&quot;abc-2&quot;</ETag></Contents>
<Contents><Size>0</Size><Key>p/z</Key></Contents>
</ListBucketResult>"""


def test_page() -> None:
    page = parse_page(PAGE.encode())
    assert [tuple(item) for item in page.objects] == [
        ("p/a b+c\n", 12, "abc-2", "", 0.0), ("p/z", 0, "", "", 0.0)
    ]  # fmt: skip
    assert page.token == "a+b/c="
    plain = parse_page(PAGE.replace("<EncodingType>url</EncodingType>", "").encode())
    assert plain.objects[0].key == "p/a+b%2Bc%0A"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_page_or_refused(data: bytes) -> None:
    with pytest.raises(BadListing):
        parse_page(data)


@given(st.integers(0, len(PAGE) - 2))
def test_a_cut_page_is_refused(length: int) -> None:
    with pytest.raises(BadListing):
        parse_page(PAGE[:length].encode())


def test_query_is_sorted_and_encoded_as_signatures_want() -> None:
    assert page_query("a b/+~", "x", "") == (
        "encoding-type=url&list-type=2&prefix=a%20b%2F%2B~&start-after=x"
    )
    assert page_query("", "x", "t=") == (
        "continuation-token=t%3D&encoding-type=url&list-type=2&prefix="
    )
