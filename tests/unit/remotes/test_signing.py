"""Signatures of S3 requests are those that botocore gives."""

import datetime

import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from vfs.remotes.s3.signing import Signer

MOMENT = datetime.datetime(2024, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
paths = st.text("abc/%20~._-$", max_size=30).map("/bucket/".__add__)
queries = st.lists(st.tuples(st.text("ab-", min_size=1), st.text("xyz%2F~")), max_size=4)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30)
names = st.sampled_from(["Range", "If-Match", "x-amz-request-payer", "X-Amz-Version"])


def theirs(
    method: str, target: str, headers: dict[str, str], region: str, credentials: Credentials
) -> dict[str, str]:
    """What botocore sends."""
    request = AWSRequest(method, f"http://{headers['Host']}{target}", headers=headers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: MOMENT)
        S3SigV4Auth(credentials, "s3", region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@given(
    st.sampled_from(["GET", "HEAD"]), paths, queries, st.dictionaries(names, values), words,
    st.none() | words,
)  # fmt: skip
def test_a_signature_is_botocores(
    method: str,
    path: str,
    query: list[tuple[str, str]],
    given_headers: dict[str, str],
    secret: str,
    token: str | None,
) -> None:
    text = "&".join(f"{name}={value}" for name, value in query)
    target = f"{path}?{text}" if text else path
    headers = {**given_headers, "Host": "s3.example:8080"}
    signer = Signer("eu-west-1")
    ours = signer.signed(
        method, target, headers, "20240203T040506Z",
        access_key="AKID", secret_key=secret, token=token,
    )  # fmt: skip
    found = {name.lower(): value for name, value in ours.items()}
    assert found == theirs(method, target, headers, "eu-west-1", Credentials("AKID", secret, token))


def test_the_key_of_the_day_follows_the_day_and_the_credentials() -> None:
    signer = Signer("us-east-1")

    def signature(moment: str, secret: str) -> str:
        sent = signer.signed(
            "GET", "/k", {"Host": "h"}, moment, access_key="A", secret_key=secret, token=None
        )
        return sent["Authorization"]

    asked = [(f"2024020{day}T000000Z", secret) for day in (3, 4) for secret in ("s", "t")]
    found = [signature(*one) for one in (*asked, *asked)]
    assert found[:4] == found[4:]
    assert len(set(found)) == 4


def test_the_example_of_the_s3_reference() -> None:
    sent = Signer("us-east-1").signed(
        "GET", "/test.txt", {"Host": "examplebucket.s3.amazonaws.com", "Range": "bytes=0-9"},
        "20130524T000000Z", access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", token=None,
    )  # fmt: skip
    assert sent["Authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )
