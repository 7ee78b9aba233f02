"""Every driver, in the stack in which the product uses it, keeps the contract."""

from pathlib import Path

import pytest

from tests.remotes.conftest import OpenCloud, OpenS3, OpenWeb
from vfs.remotes import Remote, RemoteSpec, open_remote
from vfs.testing.cloud_servers import CloudServer
from vfs.testing.git_servers import USER
from vfs.testing.remote_suite import RemoteSuite
from vfs.testing.s3_servers import S3Server
from vfs.testing.web_servers import StoreServer


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


@pytest.mark.azure
class TestAzure(RemoteSuite):
    unstorable = "\\"

    @pytest.fixture
    def remote(self, azurite: CloudServer, open_cloud: OpenCloud) -> Remote:
        return open_cloud(azurite)

    @pytest.fixture
    def stranger(self, azurite: CloudServer, open_cloud: OpenCloud) -> Remote:
        return open_cloud(azurite, **azurite.options(key="U0VDUkVU"))


class TestMiniStack(RemoteSuite):
    many = 1200  # more than a page

    @pytest.fixture
    def remote(self, ministack: S3Server, open_s3: OpenS3) -> Remote:
        return open_s3(ministack)


class TestMiniStackWithoutPrefix(RemoteSuite):
    many = 50

    @pytest.fixture
    def remote(self, ministack: S3Server, open_s3: OpenS3) -> Remote:
        return open_s3(ministack, prefix="")


@pytest.mark.s3
class TestCeph(RemoteSuite):
    @pytest.fixture
    def remote(self, rgw: S3Server, open_s3: OpenS3) -> Remote:
        return open_s3(rgw)

    @pytest.fixture
    def stranger(self, rgw: S3Server, open_s3: OpenS3) -> Remote:
        return open_s3(rgw, secret_access_key="SECRET")
