import pytest

from vfs.errors import ConfigError, Unsupported
from vfs.remotes import RemoteSpec, open_remote
from vfs.remotes.s3.options import S3Options, parse_options


def options(url: str = "s3://bucket/a/b", **values: str) -> S3Options:
    return parse_options(RemoteSpec("r", url, values))


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        ("s3://bucket//a/b//", "bucket", "a/b"),
        ("s3://bucket/a?b#c", "bucket", "a?b#c"),
        ("s3://Bucket.With.Dots/ä ö", "Bucket.With.Dots", "ä ö"),
        ("S3://bucket/[a", "bucket", "[a"),
        (
            "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/point/a/b",
            "arn:aws:s3:eu-west-1:123456789012:accesspoint/point",
            "a/b",
        ),
    ],
)
def test_url(url: str, bucket: str, prefix: str) -> None:
    parsed = options(url)
    assert (parsed.bucket, parsed.prefix) == (bucket, prefix)


def test_dvc_spellings() -> None:
    parsed = options(
        endpointurl="http://127.0.0.1:9000",
        region="eu-west-1",
        profile="p",
        access_key_id="a",
        secret_access_key="SECRET",
        session_token="TOKEN",
        credentialpath="/c",
        configpath="/d",
        allow_anonymous_login="True",
        use_ssl="false",
        ssl_verify="/ca.pem",
        connect_timeout="3",
        read_timeout="4.5",
        sse="aws:kms",
        sse_kms_key_id="key",
        acl="private",
        version_aware="true",
        unknown="ignored",
    )
    assert parsed.endpoint == "http://127.0.0.1:9000"
    assert (parsed.connect_timeout, parsed.read_timeout) == (3.0, 4.5)
    assert (parsed.anonymous, parsed.use_ssl, parsed.verify) == (True, False, "/ca.pem")
    assert (parsed.credentials_file, parsed.config_file) == ("/c", "/d")
    assert parsed.put_arguments == {
        "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key", "ACL": "private"
    }  # fmt: skip


def test_customer_key_becomes_headers_of_reads() -> None:
    # The MD5 is that of the 32 bytes, as Amazon's documentation of SSE-C says.
    key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    parsed = options(sse_customer_key=key)
    stem = "x-amz-server-side-encryption-customer-"
    assert parsed.get_headers == {
        f"{stem}algorithm": "AES256",
        f"{stem}key": key,
        f"{stem}key-md5": "KYvwGXoFFJ42a2u2GDWhwQ==",  # `base64 -d | openssl md5 -binary | base64`
    }
    assert parsed.put_arguments["SSECustomerKey"] == key


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("endpointurl", "ftp://x"),
        ("endpointurl", "127.0.0.1:9000"),
        ("endpointurl", "http://user:secret@host"),
        ("endpointurl", "http://host:99999"),
        ("endpointurl", "http://"),
        ("connect_timeout", "soon"),
        ("read_timeout", "-1"),
        ("read_timeout", "nan"),
        ("allow_anonymous_login", "yes"),
        ("sse_customer_key", "not base64!"),
    ],
)
def test_impossible_value(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        options(**{name: value})
    assert name in str(caught.value)
    assert "secret" not in str(caught.value)


def test_no_bucket() -> None:
    with pytest.raises(ConfigError):
        options("s3:///a")


@pytest.mark.parametrize("bucket", ["name--use1-az4--x-s3", "arn:aws:s3::1:accesspoint/m.mrap"])
def test_buckets_that_need_another_protocol(bucket: str) -> None:
    with pytest.raises(Unsupported):
        options(f"s3://{bucket}/x")


def test_secrets_are_not_shown() -> None:
    spec = RemoteSpec("r", "s3://b/p", {"secret_access_key": "SECRET", "session_token": "TOKEN"})
    text = repr(spec) + repr(parse_options(spec)) + repr(open_remote(spec))
    assert "SECRET" not in text
    assert "TOKEN" not in text


@pytest.mark.parametrize("scheme", ["hdfs", "webhdfs", "oss", "gdrive", "who"])
def test_schemes_without_a_driver(scheme: str) -> None:
    with pytest.raises(Unsupported) as caught:
        open_remote(RemoteSpec("r", f"{scheme}://u:SECRET@host/path"))
    assert scheme in str(caught.value)
    assert "SECRET" not in str(caught.value) + str(caught.value.hint)
    assert scheme == "who" or caught.value.hint


@pytest.mark.parametrize(
    "url", ["relative/path", "file://otherhost/x", "", "s3://", "s3://[", "file://"]
)
def test_urls_that_make_no_sense(url: str) -> None:
    with pytest.raises(ConfigError):
        open_remote(RemoteSpec("r", url))


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "99999"])
def test_jobs_of_the_remote(jobs: str) -> None:
    with pytest.raises(ConfigError):
        open_remote(RemoteSpec("r", "s3://b", {"jobs": jobs}))
