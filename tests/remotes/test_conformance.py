"""Every driver, in the stack in which the product uses it, keeps the contract."""

from pathlib import Path

import pytest

from tests.remotes.conftest import OpenS3
from vfs.remotes import Remote, RemoteSpec, open_remote
from vfs.testing.remote_suite import RemoteSuite
from vfs.testing.s3_servers import S3Server


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


class TestMiniStack(RemoteSuite):
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
