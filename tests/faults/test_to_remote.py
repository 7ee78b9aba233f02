"""`add --to-remote`, which leaves the remote as the only place: what it has under a name and not right is sent again."""

import shutil
from pathlib import Path

import pytest

from vfs.testing.clones import handmade_clone
from vfs.testing.handmade import HandmadeRepository, md5, object_path
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.slow

FILES = {"small": b"x" * 5000, "large": b"y" * (9 << 20)}
DIRECTORY = {f"data/{name}": data for name, data in FILES.items()}


def test_what_was_cut_short(handmade: HandmadeRepository) -> None:
    handmade.commit()
    one = handmade_clone(handmade, "one", cached=False)
    for path, data in DIRECTORY.items():
        one.write(path, data)
        there = object_path(handmade.remote, md5(data))
        there.parent.mkdir(parents=True)
        there.write_bytes(data[:100])
    one.vfs("add", "--to-remote", "data")
    for data in FILES.values():
        assert object_path(handmade.remote, md5(data)).read_bytes() == data


def test_what_was_cut_short_on_s3(sandbox: Sandbox, ministack: S3Server, tmp_path: Path) -> None:
    bucket, client = ministack.new_bucket(), ministack.client()
    made = HandmadeRepository(
        sandbox,
        tmp_path / "repo",
        remote_url=f"s3://{bucket}/p",
        remote_options=ministack.options,
    )
    made.commit()
    one = handmade_clone(made, "one", cached=False)
    keys = {f"p/files/md5/{md5(data)[:2]}/{md5(data)[2:]}": data for data in FILES.values()}
    for path, data in DIRECTORY.items():
        one.write(path, data)
    for key, data in keys.items():
        client.put_object(Bucket=bucket, Key=key, Body=data[:100])
    one.vfs("add", "--to-remote", "data")
    for key, data in keys.items():
        assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == data


def test_a_manifest_whose_packs_are_gone(handmade: HandmadeRepository) -> None:
    handmade.commit()
    one = handmade_clone(handmade, "one", cached=False)
    packed = handmade.root.parent / "packed"
    one.vfs("remote", "add", "--packed", "-d", "team", str(packed))
    for path, data in DIRECTORY.items():
        one.write(path, data)
    one.vfs("add", "--to-remote", "data")
    shutil.rmtree(packed / "packed-1/packs")
    one.vfs("add", "--to-remote", "data")
    (one.root / "data").rename(outside := handmade.root.parent / "outside")
    one.vfs("pull")
    assert one.data == DIRECTORY
    shutil.rmtree(packed / "packed-1/packs")
    shutil.rmtree(one.root / "data")
    shutil.rmtree(one.cache)
    one.vfs("import-url", "--to-remote", str(outside), "imported")
    one.vfs("pull", "data.dvc")
    assert one.data == DIRECTORY
