"""Credentials that change while a remote or a mount is in use: helpers, rotated keys, roles."""

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from vfs.errors import AccessDenied
from vfs.remotes import Remote, RemoteSpec, open_remote
from vfs.remotes.backoff import Backoff
from vfs.testing.faulty_proxy import FaultyProxy
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory, wait_until
from vfs.testing.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server
from vfs.testing.sandbox import Sandbox

QUICK = Backoff(attempts=2, base=0.001, cap=0.001)
HELPER = """\
#!/bin/sh
echo x >> {here}/calls
. {here}/keys
expiration=$(date -u -d "+$LIFE seconds" +%Y-%m-%dT%H:%M:%SZ)
echo '{{"Version":1,"AccessKeyId":"'$KEY'","SecretAccessKey":"'$SECRET'","Expiration":"'$expiration'"}}'
"""


@dataclass
class Helper:
    """A `credential_process` that counts its calls."""

    here: Path

    def __post_init__(self) -> None:
        program = self.here / "helper"
        program.write_text(HELPER.format(here=self.here))
        program.chmod(0o755)
        self.config = self.here / "config"
        self.config.write_text(f"[default]\nregion = us-east-1\ncredential_process = {program}\n")

    def give(self, key: str, secret: str, life: int) -> None:
        """What it gives from now on; `life` in seconds."""
        fresh = self.here / "keys.new"
        fresh.write_text(f"KEY={key} SECRET={secret} LIFE={life}\n")
        os.replace(fresh, self.here / "keys")

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return (self.here / "calls").read_text().count("x")


@dataclass
class User:
    """A user of the gateway whose keys can be replaced; his bucket holds objects `0` to `9`."""

    server: S3Server
    name: str
    bucket: str
    key: str = ""
    secret: str = ""

    def rotate(self) -> None:
        """New keys; the old ones are refused from now on."""
        old, self.key, self.secret = self.key, secrets.token_hex(10), secrets.token_hex(20)
        pair = (f"--access-key={self.key}", f"--secret-key={self.secret}")
        if not old:
            naming = (f"--uid={self.name}", f"--display-name={self.name}")
            self.server.admin("user", "create", *naming, *pair)
            return
        self.server.admin("key", "create", f"--uid={self.name}", "--key-type=s3", *pair)
        self.server.admin("key", "rm", f"--uid={self.name}", "--key-type=s3", f"--access-key={old}")


@pytest.fixture
def user(rgw: S3Server) -> User:
    """A user with a bucket that he may read."""
    found = User(rgw, f"u{secrets.token_hex(4)}", rgw.new_bucket())
    found.rotate()
    client = rgw.client()
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam:::user/{found.name}"]},
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{found.bucket}", f"arn:aws:s3:::{found.bucket}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client.put_bucket_policy(Bucket=found.bucket, Policy=policy)
    for number in range(10):
        client.put_object(Bucket=found.bucket, Key=str(number), Body=b"data")
    return found


@pytest.fixture
def opened() -> Iterator[Callable[..., Remote]]:
    """Opens a remote whose credentials come from AWS configuration files."""
    remotes: list[Remote] = []

    def open_it(server: S3Server, bucket: str, **options: str) -> Remote:
        spec = RemoteSpec("t", f"s3://{bucket}", {"endpointurl": server.endpoint, **options})
        remotes.append(open_remote(spec, backoff=QUICK))
        return remotes[-1]

    yield open_it
    for remote in remotes:
        remote.close()


def read(remote: Remote, key: str) -> bytes:
    buffer = bytearray(9)
    with closing(remote.get(key)) as body:
        return bytes(buffer[: body.readinto(buffer)])


def test_a_helper_is_not_run_for_every_request(
    ministack: S3Server, tmp_path: Path, opened: Callable[..., Remote]
) -> None:
    """botocore alone would: it renews whatever lives for less than 15 minutes."""
    bucket, helper = ministack.new_bucket(), Helper(tmp_path)
    ministack.client().put_object(Bucket=bucket, Key="k", Body=b"data")
    helper.give(ACCESS_KEY, SECRET_KEY, 300)
    remote = opened(ministack, bucket, configpath=str(helper.config))
    for _ in range(50):
        remote.head("k")
    assert helper.calls <= 4


def test_a_helper_that_gives_expired_credentials(
    ministack: S3Server, tmp_path: Path, opened: Callable[..., Remote]
) -> None:
    helper = Helper(tmp_path)
    helper.give(ACCESS_KEY, SECRET_KEY, -60)
    remote = opened(ministack, ministack.new_bucket(), configpath=str(helper.config))
    with pytest.raises(AccessDenied, match="have expired"):
        remote.head("k")


def test_a_helper_that_fails(
    ministack: S3Server, tmp_path: Path, opened: Callable[..., Remote]
) -> None:
    helper = Helper(tmp_path)
    (tmp_path / "helper").write_text("#!/bin/sh\necho sorry >&2; exit 3\n")
    remote = opened(ministack, ministack.new_bucket(), configpath=str(helper.config))
    with pytest.raises(AccessDenied, match="no usable credentials"):
        remote.head("k")


@pytest.mark.s3
@pytest.mark.parametrize("life", [2, 3600])
def test_keys_rotated_behind_a_helper(
    user: User, tmp_path: Path, opened: Callable[..., Remote], life: int
) -> None:
    """Also long before they expire, and for HEAD, whose refusal has no code."""
    helper = Helper(tmp_path)
    helper.give(user.key, user.secret, life)
    remote = opened(user.server, user.bucket, configpath=str(helper.config))
    assert read(remote, "0") == b"data"
    user.rotate()
    with pytest.raises(AccessDenied):
        opened(user.server, user.bucket, configpath=str(helper.config)).head("1")
    helper.give(user.key, user.secret, life)
    assert remote.head("1").size == 4
    assert read(remote, "2") == b"data"


def readable(path: Path) -> bool:
    try:
        return path.read_bytes() == path.name.encode()
    except OSError:
        return False


def make_repository(user: User, sandbox: Sandbox) -> HandmadeRepository:
    """A repository with files `f0` to `f3` in the user's bucket."""
    url = f"s3://{user.bucket}/store"
    repository = HandmadeRepository(
        sandbox, sandbox.root / "repository", remote_url=url,
        remote_options={"endpointurl": user.server.endpoint, "region": "us-east-1"},
    )  # fmt: skip
    repository.commit(files={f"f{number}": b"f%d" % number for number in range(4)})
    client = user.server.client()
    repository.upload(
        lambda key, data: client.put_object(Bucket=user.bucket, Key=f"store/{key}", Body=data)
    )
    return repository


@pytest.mark.s3
@pytest.mark.fuse
def test_keys_rotated_while_mounted(user: User, sandbox: Sandbox, mounts: MountFactory) -> None:
    """In the credentials file, then behind a helper; readers notice nothing."""
    home = sandbox.root / "home" / ".aws"
    home.mkdir()

    def sign_in() -> None:
        text = f"[default]\naws_access_key_id = {user.key}\naws_secret_access_key = {user.secret}\n"
        (home / "new").write_text(text)
        os.replace(home / "new", home / "credentials")

    sign_in()
    mount = mounts(make_repository(user, sandbox).root)
    for name in ("f0", "f1", "f2"):
        assert (mount.path / name).read_bytes() == name.encode()
        user.rotate()
        sign_in()
    (sandbox.root / "helper").mkdir()
    helper = Helper(sandbox.root / "helper")
    (home / "credentials").unlink()
    os.replace(helper.config, home / "config")
    user.rotate()
    helper.give(user.key, user.secret, 3)
    assert (mount.path / "f3").read_bytes() == b"f3"


@pytest.mark.s3
@pytest.mark.fuse
def test_keys_rotated_in_dvcs_own_configuration(
    user: User, sandbox: Sandbox, mounts: MountFactory
) -> None:
    """What is written there counts at the next request, also in files that the kernel knows; nobody has to switch."""
    repository = make_repository(user, sandbox)

    def sign_in() -> None:
        text = (
            f"['remote \"store\"']\naccess_key_id = {user.key}\nsecret_access_key = {user.secret}\n"
        )
        (repository.root / ".dvc").mkdir(exist_ok=True)
        (repository.root / ".dvc" / "config.local").write_text(text)

    sign_in()
    mount = mounts(repository.root)
    assert (mount.path / "f0").read_bytes() == b"f0"
    user.rotate()
    mounts.allow("InvalidAccessKeyId")
    with pytest.raises(OSError, match="Input/output"):
        (mount.path / "f1").read_bytes()
    sign_in()
    assert (mount.path / "f2").read_bytes() == b"f2"
    wait_until(lambda: readable(mount.path / "f1"), "what was refused before is asked for again")
    user.rotate()
    sign_in()
    mount.switch("HEAD")
    assert (mount.path / "f3").read_bytes() == b"f3"


@pytest.mark.s3
def test_an_assumed_role(
    user: User,
    rgw_sts: S3Server,
    tmp_path: Path,
    opened: Callable[..., Remote],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the gateway's own STS."""
    principal = {"AWS": [f"arn:aws:iam:::user/{user.name}"]}
    trust = {"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole"]}
    allow = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}
    role = f"r{secrets.token_hex(4)}"

    def document(statement: Mapping[str, object]) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    user.server.admin(
        "role", "create", f"--role-name={role}", f"--assume-role-policy-doc={document(trust)}"
    )
    user.server.admin(
        "role-policy", "put", f"--role-name={role}", "--policy-name=all",
        f"--policy-doc={document(allow)}",
    )  # fmt: skip
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", rgw_sts.endpoint)
    config = tmp_path / "config"
    config.write_text(
        f"[profile role]\nrole_arn = arn:aws:iam:::role/{role}\nsource_profile = source\n"
        f"region = us-east-1\n[profile source]\naws_access_key_id = {user.key}\n"
        f"aws_secret_access_key = {user.secret}\n"
    )
    remote = opened(rgw_sts, user.bucket, configpath=str(config), profile="role")
    assert read(remote, "0") == b"data"
    assert remote.head("1").size == 4


def test_a_web_identity(
    ministack: S3Server,
    tmp_path: Path,
    opened: Callable[..., Remote],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A token file, as Kubernetes mounts it; requests carry the session it was exchanged for."""
    bucket = ministack.new_bucket()
    ministack.client().put_object(Bucket=bucket, Key="k", Body=b"data")
    token, config = tmp_path / "token", tmp_path / "config"
    token.write_text("eyJ.e30.x")
    arn = "arn:aws:iam::000000000000:role/reader"
    config.write_text(f"[default]\nrole_arn = {arn}\nweb_identity_token_file = {token}\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", ministack.endpoint)
    with FaultyProxy(ministack.port) as proxy:
        remote = opened(
            ministack,
            bucket,
            configpath=str(config),
            endpointurl=proxy.endpoint,
            region="us-east-1",
        )
        assert remote.head("k").size == 4
    assert proxy.requests[-1].headers["X-Amz-Security-Token"]
