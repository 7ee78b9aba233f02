"""Every driver, in the stack in which the product uses it, keeps the contract."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.remotes.conftest import OpenCloud, OpenS3, OpenSsh, OpenWeb
from vfs.remotes import Remote, RemoteSpec, open_remote
from vfs.testing.cloud_servers import CloudServer
from vfs.testing.git_servers import USER, SshServer
from vfs.testing.remote_suite import RemoteSuite
from vfs.testing.s3_servers import S3Server
from vfs.testing.web_servers import StoreServer


def fill_directory(directory: Path, keys: Sequence[str]) -> None:
    """Store each key as its own content behind the back of whoever serves the directory."""
    for key in keys:
        path = directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key)


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
