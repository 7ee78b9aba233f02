"""A bug report has what is needed and no secret, however it was spelled and wherever it was planted."""

import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli.conftest import Done, git
from vfs.formats.dvcoptions import SECRETS
from vfs_cli.doctor.redaction import Redaction, secrets_of

REMOTES = {
    "aws": {
        "url": "s3://bucket/x",
        "access_key_id": "AKIAPLANTED000000001",
        "secret_access_key": "pLaNtEd/s3+secret=1",
        "session_token": "planted-s3-session",
        "sse_customer_key": "planted-s3-customer",
        "region": "eu-west-7",
    },
    "blue": {
        "url": "azure://container/x",
        "connection_string": "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=pLaNtEdAzureKey==;EndpointSuffix=core.windows.net",
        "account_key": "planted-azure-account",
        "sas_token": "?sv=2024&sig=planted%2Fazure%2Fsig",
        "client_secret": "planted-azure-client",
        "tenant_id": "planted-azure-tenant",
    },
    "shell": {
        "url": "ssh://user:planted-ssh-url@host/x",
        "password": "planted ssh password",
        "passphrase": "planted-ssh-passphrase",
        "keyfile": "/home/user/planted-ssh-keyfile",
    },
    "web": {
        "url": "https://user:planted-http-url@host/x?token=planted-http-query",
        "password": "planted-http-password",
        "custom_auth_header": "X-Planted-Header",
        "user": "planted-http-user",
    },
    "dav": {"url": "webdavs://host/x", "token": "planted-dav-token", "password": "planted-dav-pw"},
    "google": {"url": "gs://bucket/x", "credentialpath": "/home/user/planted-gs.json"},
    "ali": {"url": "oss://bucket/x", "oss_key_id": "planted-oss-id", "oss_key_secret": "planted-oss"},
    "drive": {"url": "gdrive://x", "gdrive_client_secret": "planted-drive-secret"},
}  # fmt: skip
ENVIRONMENT = {
    "AWS_SECRET_ACCESS_KEY": "planted/env+aws",
    "AWS_SESSION_TOKEN": "planted-env-session",
    "AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=planted-env-azure==",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/user/planted-env-gs.json",
    "HTTPS_PROXY": "http://proxyuser:planted-env-proxy@proxy:3128",
    "MY_API_TOKEN": "planted-env-mine",
    "DATABASE": "postgres://user:planted-env-url@host/db",
}
FILES = {
    ".netrc": "machine host login user password planted-netrc\nmachine other login u\n  password planted-netrc-two\n",
    ".aws/credentials": "[default]\naws_access_key_id = planted-aws-file-id\naws_secret_access_key = planted/aws+file\n",
    ".git-credentials": "https://user:planted-git-file@host\n",
    ".config/git/credentials": "https://user:planted-git-xdg@host\n",
    "planted-env-gs.json": '{"type": "service_account", "client_email": "planted-gs-mail", "private_key": "-----BEGIN PRIVATE KEY-----\\nplantedGoogleKey\\n-----END PRIVATE KEY-----\\n"}',
}
"""Below the home directory: what programs keep there for themselves, or are told of by the environment."""

IN_FILES = [
    "planted-netrc", "planted-netrc-two", "planted-aws-file-id", "planted/aws+file", "planted-git-file", "planted-git-xdg",
    "plantedGoogleKey",
]  # fmt: skip
PLANTED = [
    *(value for options in REMOTES.values() for name, value in options.items() if name not in ("url", "region")),
    "planted-ssh-url", "planted-http-url", "planted-http-query", "pLaNtEdAzureKey==", "planted%2Fazure%2Fsig",
    *(value for name, value in ENVIRONMENT.items() if name not in ("HTTPS_PROXY", "DATABASE", "GOOGLE_APPLICATION_CREDENTIALS")),
    "planted-env-proxy", "planted-env-azure==", *IN_FILES, "planted-global-level", "planted-env-url",
]  # fmt: skip
UNKNOWN = [
    "Authorization: Bearer planted-unknown-bearer",
    "authorization: SharedKey account:planted+unknown/shared=",
    "x-amz-security-token: planted-unknown-header",
    "GET https://b.s3.amazonaws.com/k?X-Amz-Credential=planted-unknown&X-Amz-Signature=0123456789abcdefplanted",
    "https://x.blob.core.windows.net/c/k?sv=2024&sig=plantedunknownsas%3D",
    'boto3: {"secret_access_key": "planted-unknown-json"}',
    "aws_secret_access_key = planted-unknown-ini",
    "password='planted-unknown-quoted'",
    "Set-Cookie: session=planted-unknown-cookie",
    "token ghp_plantedunknown00000000000000000",
    "ftp://user:planted-unknown-ftp@host/",
]


def config() -> str:
    lines = ["[core]", "    remote = aws"]
    for name, options in REMOTES.items():
        lines.append(f"['remote \"{name}\"']")
        lines += [f"    {key} = {value}" for key, value in options.items()]
    return "\n".join([*lines, ""])


@pytest.fixture
def planted(repo: Path, world: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (repo / ".dvc").mkdir()
    (repo / ".dvc" / "config.local").write_text(config())
    (repo / ".dvc" / "config").write_text("")
    (repo / "patients.csv.dvc").write_text(
        "outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 0\n  hash: md5\n  path: patients.csv\n"
    )
    git(repo, "add", "-f", ".dvc/config", "patients.csv.dvc")
    git(repo, "commit", "-q", "-m", "data")
    home = world / "home"
    for name, text in FILES.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
        (home / name).chmod(0o600)
    everywhere = world / "config" / "dvc" / "config"
    everywhere.parent.mkdir()
    everywhere.write_text(
        "['remote \"unused\"']\n    url = s3://b/x\n    secret_access_key = planted-global-level\n"
    )
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(home / "planted-env-gs.json"))
    log = world / "state" / "vfs" / "0123456789abcdef.log"
    log.parent.mkdir(mode=0o700)
    said = [f"2026-11-26T10:00:00.000Z WARNING vfs.remotes: answered {one}" for one in PLANTED]
    said += [f"2026-11-26T10:00:00.000Z WARNING vfs.remotes: {one}" for one in UNKNOWN]
    said += [
        "2026-11-26T10:00:01.000Z WARNING vfs.fs: cannot serve /patients.csv: no place has it",
        "2026-11-26T10:00:01.000Z WARNING vfs.fs: patients.csv: its size is not known",
        'Traceback (most recent call last):\n  File "/opt/x/vfs/transfer/engine.py", line 7, in _work',
    ]
    log.write_text("\n".join(said))
    return repo


def contents(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        found = {}
        for member in archive:
            stream = archive.extractfile(member)
            assert stream is not None
            assert member.mode == 0o600
            found[member.name.partition("/")[2]] = stream.read()
    return found


def test_the_planted_secrets_are_of_every_spelling() -> None:
    spelled = {name for options in REMOTES.values() for name in options}
    assert spelled >= SECRETS


@pytest.mark.parametrize("paths", [False, True])
def test_no_secret_is_in_it(planted: Path, world: Path, vfs: Callable[..., Done], paths: bool) -> None:  # fmt: skip
    file = world / "report.tar.gz"
    done = vfs("doctor", "--offline", "--bundle", file, *(["--paths"] if paths else []))
    assert done.code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = contents(file)
    everything = b"\n".join(found.values()).decode() + done.out
    left = [secret for secret in PLANTED if secret in everything]
    assert left == []
    assert "planted" not in everything.lower().replace("***", "")
    (told,) = (
        one["options"] for one in json.loads(found["remotes.json"]) if "region" in one["options"]
    )
    assert told["region"] == "eu-west-7" or not paths
    assert told["secret_access_key"] == "***"
    assert set(found) >= {"README.txt", "versions.json", "machine.json", "settings.json", "findings.json", "store.json"}  # fmt: skip
    assert json.loads(found["versions.json"])["kernel"].startswith("Linux")
    assert "AWS_SECRET_ACCESS_KEY" in json.loads(found["environment.json"])
    for name in found:
        assert name in done.out


def test_names_of_files_only_if_asked_for(planted: Path, world: Path, vfs: Callable[..., Done]) -> None:  # fmt: skip
    vfs("doctor", "--offline", "--bundle", world / "a.tar.gz")
    vfs("doctor", "--offline", "--bundle", world / "b.tar.gz", "--paths")
    without, with_them = contents(world / "a.tar.gz"), contents(world / "b.tar.gz")
    log = without["logs/0123456789abcdef.log"].decode()
    assert "patients" not in b"\n".join(without.values()).decode()
    assert str(planted) not in b"\n".join(without.values()).decode()
    assert "WARNING vfs.fs: cannot serve <path> no place has it" in log
    assert "frame vfs.transfer.engine" in log
    assert "patients.csv" in with_them["logs/0123456789abcdef.log"].decode()


def test_what_is_there_is_not_replaced(repo: Path, world: Path, vfs: Callable[..., Done]) -> None:
    file = world / "mine"
    file.write_text("mine")
    assert vfs("doctor", "--offline", "--bundle", file).code == 2
    assert file.read_text() == "mine"
    (world / "link").symlink_to(world / "elsewhere")
    assert vfs("doctor", "--offline", "--bundle", world / "link").code == 2
    assert not (world / "elsewhere").exists()


def test_without_a_repository(world: Path, vfs: Callable[..., Done]) -> None:
    done = vfs("doctor", "--offline", "--bundle", "--json")
    assert done.code == 0
    assert done.documents[-1]["type"] == "bundle"
    assert os.path.exists(done.documents[-1]["file"])


@given(st.text(min_size=6, max_size=30).filter(lambda text: text.strip() == text and len(set(text)) > 4))  # fmt: skip
def test_a_secret_is_blotted_out_in_other_spellings(secret: str) -> None:
    from urllib.parse import quote

    redaction = Redaction(secrets_of([{"password": secret}], [], {}), paths=True)
    for said in (secret, quote(secret, safe=""), json.dumps(secret), repr(secret)):
        assert secret not in redaction.line(f"({said})") or secret in "(***)"
