"""Credentials, regions, TLS and proxies."""

import io
import os
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.remotes.conftest import OpenS3
from vfs.errors import AccessDenied, ConfigError, RemoteError, RemoteUnavailable, VfsError
from vfs.remotes import Remote, RemoteSpec, open_remote
from vfs.remotes.backoff import Backoff
from vfs.remotes.base import read_body
from vfs.remotes.dial import Proxy
from vfs.remotes.http import HttpPool
from vfs.testing import faulty_proxy as faults
from vfs.testing.faulty_proxy import Answer, Fault, FaultyProxy, Request, Upstream
from vfs.testing.ports import free_port
from vfs.testing.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server

QUICK = Backoff(attempts=2, base=0.001, cap=0.001)
CREDENTIALS = """\
[default]
aws_access_key_id = {key}
aws_secret_access_key = {secret}
"""


def write_credentials(path: Path, key: str, secret: str) -> None:
    """As editors and `aws configure` do: a new file under the old name."""
    fresh = path.with_suffix(".new")
    fresh.write_text(CREDENTIALS.format(key=key, secret=secret))
    os.replace(fresh, path)


def from_file(server: S3Server, bucket: str, path: Path, **more: str) -> Remote:
    options = {"endpointurl": server.endpoint, "credentialpath": str(path), **more}
    return open_remote(RemoteSpec("test", f"s3://{bucket}", options), backoff=QUICK)


@pytest.mark.s3
class TestCredentials:
    def test_of_a_file_that_is_corrected_while_mounted(
        self, rgw: S3Server, open_s3: OpenS3, tmp_path: Path
    ) -> None:
        bucket, file = rgw.new_bucket(), tmp_path / "credentials"
        open_s3(rgw, bucket=bucket, prefix="").put("k", b"data")
        write_credentials(file, ACCESS_KEY, "wrong")
        remote = from_file(rgw, bucket, file)
        calls: list[Callable[[], object]] = [
            lambda: remote.get("k").close(),
            lambda: remote.head("k"),
            lambda: list(remote.list()),
            lambda: remote.put("n", b""),
        ]
        for call in calls:
            with pytest.raises(AccessDenied):
                call()
            write_credentials(file, ACCESS_KEY, SECRET_KEY)
            call()
            write_credentials(file, "AKIDUNKNOWN", SECRET_KEY)
            call()  # what works is kept until it is refused
            remote.close()
            remote = from_file(rgw, bucket, file)
        remote.close()

    def test_of_a_file_that_is_corrected_between_the_parts_of_an_upload(
        self, rgw: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is sent with the new credentials is the whole object again, not what was left of it."""
        monkeypatch.setattr("vfs.remotes.s3.writes.PART", 5 << 20)
        bucket, file = rgw.new_bucket(), tmp_path / "credentials"
        write_credentials(file, ACCESS_KEY, SECRET_KEY)
        data = os.urandom(18 << 20)

        def refused(request: Request, upstream: Upstream) -> Answer:
            write_credentials(file, ACCESS_KEY, SECRET_KEY)
            return Answer(403, (), b"<Error><Code>InvalidAccessKeyId</Code></Error>")

        with FaultyProxy(rgw.port) as proxy:
            proxy.plan(lambda request, upstream: upstream(), refused, method="PUT")
            with closing(from_file(rgw, bucket, file, endpointurl=proxy.endpoint)) as remote:
                remote.put("k", io.BytesIO(data))
                assert bytes(read_body(remote.get("k"), len(data) + 1)) == data

    def test_of_a_profile(self, rgw: S3Server, open_s3: OpenS3, tmp_path: Path) -> None:
        bucket, file = rgw.new_bucket(), tmp_path / "credentials"
        open_s3(rgw, bucket=bucket, prefix="").put("k", b"data")
        text = CREDENTIALS.format(key="AKIDUNKNOWN", secret="x")
        file.write_text(
            text + CREDENTIALS.format(key=ACCESS_KEY, secret=SECRET_KEY).replace("default", "p")
        )
        remote = from_file(rgw, bucket, file, profile="p")
        assert remote.head("k").size == 4
        remote.close()

    def test_none_and_anonymous(self, rgw: S3Server, open_s3: OpenS3, tmp_path: Path) -> None:
        bucket = rgw.new_bucket()
        open_s3(rgw, bucket=bucket, prefix="").put("k", b"data")
        nothing = from_file(rgw, bucket, tmp_path / "none")
        with pytest.raises(AccessDenied, match="no credentials"):
            nothing.get("k")
        anonymous = from_file(rgw, bucket, tmp_path / "none", allow_anonymous_login="true")
        with pytest.raises(AccessDenied):
            anonymous.get("k")
        rgw.client().put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
        assert anonymous.head("k").size == 4
        with anonymous.get("k") as body:
            assert body.readinto(bytearray(9)) == 4
        nothing.close()
        anonymous.close()

    def test_wrong_secret_is_one_clear_answer(self, rgw: S3Server, open_s3: OpenS3) -> None:
        remote = open_s3(rgw, secret_access_key="WRONG-SECRET")
        with pytest.raises(AccessDenied) as caught:
            remote.get("k")
        assert "SignatureDoesNotMatch" in str(caught.value)
        assert "SECRET" not in str(caught.value)

    def test_versions(self, rgw: S3Server, open_s3: OpenS3) -> None:
        bucket = rgw.new_bucket(versioned=True)
        remote = open_s3(rgw, bucket=bucket)
        remote.put("dir/f", b"one")
        first = remote.head("dir/f")
        remote.put("dir/f", b"second")
        second = remote.head("dir/f")
        remote.delete(["dir/f"])
        assert first.version
        assert first.version != second.version
        for info, data in ((first, b"one"), (second, b"second")):
            assert remote.head("dir/f", version=info.version).size == len(data)
            with remote.get("dir/f", 1, version=info.version) as body:
                buffer = bytearray(9)
                assert buffer[: body.readinto(buffer)] == data[1:]


def test_missing_profile(tmp_path: Path) -> None:
    remote = open_remote(RemoteSpec("r", "s3://bucket", {"profile": "nobody"}))
    with pytest.raises(ConfigError, match="nobody"):
        remote.get("k")


def signed_for(request: Request) -> str:
    """The region in a request's signature."""
    return request.headers["Authorization"].split("/")[2]


@pytest.mark.parametrize(
    "first",
    [
        faults.status(301, ("x-amz-bucket-region", "eu-west-3")),
        faults.status(
            400,
            body=b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>",
        ),
        faults.status(400, ("x-amz-bucket-region", "eu-west-3")),
    ],
)
def test_bucket_in_another_region(
    proxy: FaultyProxy, ministack: S3Server, open_s3: OpenS3, first: Fault
) -> None:
    bucket = ministack.new_bucket()
    ministack.client().put_object(Bucket=bucket, Key="pre/fix/k", Body=b"data")
    remote = open_s3(ministack, bucket=bucket, endpointurl=proxy.endpoint)
    proxy.plan(first)
    for _ in range(2):
        with remote.get("k") as body:
            assert body.size == 4
    assert [signed_for(request) for request in proxy.requests] == [
        "us-east-1", "eu-west-3", "eu-west-3"
    ]  # fmt: skip


def test_region_that_is_a_lie_does_not_loop(
    proxy: FaultyProxy, ministack: S3Server, open_s3: OpenS3
) -> None:
    remote = open_s3(ministack, endpointurl=proxy.endpoint)
    number = 0

    def elsewhere(request: Request, upstream: Upstream) -> Answer:
        nonlocal number
        number += 1
        return Answer(301, (("x-amz-bucket-region", f"region-{number}"),))

    proxy.always(elsewhere)
    with pytest.raises(RemoteError):
        remote.get("k")
    assert len(proxy.requests) == 3
    proxy.always(faults.status(301, ("x-amz-bucket-region", "evil.example/x")))
    with pytest.raises(RemoteError):
        remote.get("k")
    assert len(proxy.requests) == 4


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    directory = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key", "-out", "crt",
        ],
        cwd=directory,
        check=True,
        capture_output=True,
    )  # fmt: skip
    both = directory / "both.pem"
    both.write_bytes((directory / "key").read_bytes() + (directory / "crt").read_bytes())
    return both


class TestTls:
    @pytest.fixture
    def open_tls(
        self, ministack: S3Server, certificate: Path, open_s3: OpenS3
    ) -> Iterator[tuple[FaultyProxy, Callable[..., Remote]]]:
        bucket = ministack.new_bucket()
        ministack.client().put_object(Bucket=bucket, Key="pre/fix/k", Body=bytes(500_000))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with FaultyProxy(ministack.port, tls=context) as proxy:
            yield (
                proxy,
                lambda **options: open_s3(
                    ministack, bucket=bucket, backoff=QUICK, endpointurl=proxy.endpoint, **options
                ),
            )

    def test_unknown_certificate(self, open_tls: tuple[FaultyProxy, Callable[..., Remote]]) -> None:
        proxy, opened = open_tls
        remote = opened()
        calls: list[Callable[[], object]] = [
            lambda: remote.get("k"),
            lambda: remote.put("n", b""),
        ]
        for call in calls:
            with pytest.raises(VfsError) as caught:
                call()
            assert type(caught.value) is RemoteError
            assert "ssl_verify" in str(caught.value.hint)
        assert proxy.requests == []

    @pytest.mark.parametrize("how", ["bundle", "off"])
    def test_read_and_resume(
        self,
        open_tls: tuple[FaultyProxy, Callable[..., Remote]],
        certificate: Path,
        how: str,
        recwarn: pytest.WarningsRecorder,
    ) -> None:
        proxy, opened = open_tls
        remote = opened(ssl_verify=str(certificate) if how == "bundle" else "false")
        proxy.plan(faults.truncate(100_000))
        with remote.get("k") as body:
            total, buffer = 0, bytearray(64_000)
            while count := body.readinto(buffer):
                total += count
        assert total == 500_000
        assert len(proxy.requests) == 2
        assert remote.put("n", b"x") is True


class TestProxy:
    def test_plain_requests_go_to_the_proxy_whole(self) -> None:
        with FaultyProxy() as proxy:
            proxy.plan(faults.status(200, body=b"hello"))
            through = Proxy.parse(f"http://us%40er:p%2Fw@127.0.0.1:{proxy.port}")
            pool = HttpPool("http://bucket.example:8080", proxy=through)
            response = pool.request("GET", "/k?x=y", {"Host": "bucket.example:8080"})
            assert response.text() == b"hello"
            pool.close()
        request = proxy.requests[0]
        assert request.target == "http://bucket.example:8080/k?x=y"
        assert request.headers["Proxy-Authorization"] == "Basic dXNAZXI6cC93"
        assert "p/w" not in repr(through)

    def test_tls_asks_for_a_tunnel(self) -> None:
        with FaultyProxy() as proxy:
            proxy.plan(faults.status(407), method="CONNECT")
            pool = HttpPool(
                "https://bucket.example",
                proxy=Proxy.parse(f"127.0.0.1:{proxy.port}"),
                context=ssl.create_default_context(),
            )
            with pytest.raises(OSError, match="407"):
                pool.request("GET", "/k", {})
            pool.close()
        assert proxy.requests[0].target == "bucket.example:443"

    def test_the_environment_names_it(
        self, monkeypatch: pytest.MonkeyPatch, ministack: S3Server
    ) -> None:
        with FaultyProxy() as proxy:
            monkeypatch.setenv("http_proxy", proxy.endpoint)
            monkeypatch.setenv("no_proxy", "")
            monkeypatch.delenv("NO_PROXY", raising=False)
            proxy.plan(faults.status(404))
            options = {**ministack.options, "endpointurl": "http://s3.example:1234"}
            remote = open_remote(RemoteSpec("r", "s3://bucket/x", options), backoff=QUICK)
            with pytest.raises(VfsError):
                remote.get("k")
            remote.close()
        assert [request.target for request in proxy.requests] == [
            "http://s3.example:1234/bucket/x/k"
        ]


def test_refused_connection_is_passing() -> None:
    pool = HttpPool(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionRefusedError):
        pool.request("GET", "/", {})
    pool.close()
    with pytest.raises(ConnectionAbortedError):
        pool.request("GET", "/", {})


def test_unavailable_keeps_what_the_server_asked_for(
    proxy: FaultyProxy, ministack: S3Server, open_s3: OpenS3
) -> None:
    remote = open_s3(ministack, endpointurl=proxy.endpoint, backoff=Backoff(attempts=1))
    proxy.plan(faults.status(503, ("Retry-After", "9")))
    with pytest.raises(RemoteUnavailable) as caught:
        remote.get("k")
    assert caught.value.retry_after == 9.0
