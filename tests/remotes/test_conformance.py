"""Every driver, in the stack in which the product uses it, keeps the contract."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.remotes.conftest import OpenCloud, OpenS3, OpenSsh, OpenWeb
from vfs.remotes import Remote, RemoteSpec, open_remote
from vfs.testing.cloud_servers import CloudServer, start_gcs
from vfs.testing.git_servers import USER, SshServer
from vfs.testing.remote_suite import RemoteSuite
from vfs.testing.s3_servers import S3Server
from vfs.testing.variants import soak
from vfs.testing.web_servers import StoreServer


def fill_directory(directory: Path, keys: Sequence[str]) -> None:
    """Store each key as its own content behind the back of whoever serves the directory."""
    for key in keys:
        path = directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key)


def fill_by_http(
    port: int, method: str, targets: Sequence[tuple[str, str]], **headers: str
) -> None:
    """Store keys as their own contents with plain requests, (target, key) each: 10,000 by a driver take half a minute."""

    def send(some: Sequence[tuple[str, str]]) -> None:
        with closing(HTTPConnection("127.0.0.1", port)) as connection:
            for target, key in some:
                connection.request(method, target, key, headers)
                answer = connection.getresponse()
                assert answer.status in (200, 201), (answer.status, answer.read())
                answer.read()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, (targets[n::4] for n in range(4))))


class TestLocalDirectory(RemoteSuite):
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Remote:
        return open_remote(RemoteSpec("test", str(tmp_path)))


class TestFileUrl(RemoteSuite):
    many = 50

    @pytest.fixture
    def remote(self, tmp_path: Path) -> Remote:
        (tmp_path / "sp ace").mkdir()
        return open_remote(RemoteSpec("test", (tmp_path / "sp ace").as_uri()))


class TestSsh(RemoteSuite):
    precise = False  # SFTP 3 tells times in seconds

    @pytest.fixture
    def remote(self, open_ssh: OpenSsh) -> Remote:
        return open_ssh()

    @pytest.fixture(params=["host", "user"])
    def stranger(
        self,
        ssh_server: SshServer,
        open_ssh: OpenSsh,
        request: pytest.FixtureRequest,
        tmp_path: Path,
    ) -> Remote:
        """The host is not known to us, or we are not known to the host."""
        if request.param == "host":
            return open_ssh(ssh_server.stranger)
        lines = ssh_server.keyless.read_text().splitlines(keepends=True)
        config = tmp_path / "keyless"
        config.write_text("".join(line for line in lines if "IdentityFile" not in line))
        return open_ssh(config, password="SECRET")

    def fill(self, remote: Remote, keys: Sequence[str]) -> None:
        fill_directory(Path(remote.url.removeprefix("ssh://127.0.0.1")), keys)


class TestPlainHttp(RemoteSuite):
    conditional = lists = deletes = False
    precise = False  # nginx makes ETags of whole seconds

    @pytest.fixture
    def remote(self, put_server: StoreServer, open_web: OpenWeb) -> Remote:
        return open_web(put_server, "http", method="put")

    @pytest.fixture
    def stranger(self, put_server: StoreServer, open_web: OpenWeb) -> Remote:
        return open_web(
            put_server, "http", "private", method="put", auth="basic", user=USER, password="SECRET"
        )


class TestWebdav(RemoteSuite):
    conditional = False  # Apache looks, and then moves, whatever `Overwrite` says

    @pytest.fixture
    def remote(self, webdav_server: StoreServer, open_web: OpenWeb) -> Remote:
        return open_web(webdav_server, "webdav", "sp ace/ö")

    @pytest.fixture
    def stranger(self, webdav_server: StoreServer, open_web: OpenWeb) -> Remote:
        return open_web(webdav_server, "webdav", "private", user=USER, password="SECRET")


class TestGoogle(RemoteSuite):
    version = "1"

    @pytest.fixture
    def remote(self, gcs: CloudServer, open_cloud: OpenCloud) -> Remote:
        return open_cloud(gcs)

    @pytest.fixture
    def on_disk(self, tmp_path: Path, open_cloud: OpenCloud) -> Iterator[Remote]:
        server = start_gcs(tmp_path, "filesystem")
        self.port = server.port
        yield open_cloud(server)
        server.stop()

    def test_list_and_heads_of_many(self, on_disk: Remote) -> None:
        super().test_list_and_heads_of_many(on_disk)

    def fill(self, remote: Remote, keys: Sequence[str]) -> None:
        bucket, _, prefix = remote.url.removeprefix("gs://").partition("/")
        base = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name="
        fill_by_http(self.port, "POST", [(f"{base}{quote(f'{prefix}/{k}', '')}", k) for k in keys])


@pytest.mark.azure
class TestAzure(RemoteSuite):
    many = 5_100  # more than a page
    unstorable = "\\"

    @pytest.fixture
    def remote(self, azurite: CloudServer, open_cloud: OpenCloud) -> Remote:
        return open_cloud(azurite)

    @pytest.fixture
    def stranger(self, azurite: CloudServer, open_cloud: OpenCloud) -> Remote:
        return open_cloud(azurite, **azurite.options(key="U0VDUkVU"))


class MiniStack(RemoteSuite):
    """The driver is that of `TestCeph`, whose server is the stricter one: `make test` leaves what is large to that."""

    @pytest.mark.soak
    def test_an_object_of_many_parts(self, remote: Remote) -> None:
        super().test_an_object_of_many_parts(remote)

    @pytest.mark.parametrize("size", ["small", soak("big")])
    def test_an_interrupted_upload_leaves_nothing_visible(self, remote: Remote, size: str) -> None:
        super().test_an_interrupted_upload_leaves_nothing_visible(remote, size)


class TestMiniStack(MiniStack):
    many = 1200  # more than a page

    @pytest.fixture
    def remote(self, ministack: S3Server, open_s3: OpenS3) -> Remote:
        return open_s3(ministack)

    @pytest.mark.soak
    def test_list_and_heads_of_many(self, remote: Remote) -> None:
        super().test_list_and_heads_of_many(remote)


class TestMiniStackWithoutPrefix(MiniStack):
    many = 50

    @pytest.fixture
    def remote(self, ministack: S3Server, open_s3: OpenS3) -> Remote:
        return open_s3(ministack, prefix="")


@pytest.mark.s3
class TestCeph(RemoteSuite):
    @pytest.fixture
    def remote(self, rgw: S3Server, open_s3: OpenS3) -> Remote:
        self.server = rgw
        return open_s3(rgw)

    def fill(self, remote: Remote, keys: Sequence[str]) -> None:
        place = remote.url.removeprefix("s3://")
        bucket = place.partition("/")[0]
        self.server.client().put_bucket_acl(Bucket=bucket, ACL="public-read-write")
        fill_by_http(self.server.port, "PUT", [(f"/{place}/{key}", key) for key in keys])

    @pytest.fixture
    def stranger(self, rgw: S3Server, open_s3: OpenS3) -> Remote:
        return open_s3(rgw, secret_access_key="SECRET")
