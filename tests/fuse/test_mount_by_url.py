"""Repositories mounted by URL, from real servers: sshd, and lighttpd with and without TLS and passwords."""

import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.git import Repository
from vfs.testing.git_servers import PASSWORD, USER, HttpServer, SshServer
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory, read_logs, vfs
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse

LARGE = os.urandom(1 << 20) + b"over the filter's limit"
QUICK = 15  # seconds; much less than any time-out of Git, SSH or vfs


def make_repository(sandbox: Sandbox, root: Path) -> HandmadeRepository:
    """A repository that servers may filter, with a small and a large file of Git and data of DVC."""
    repository = HandmadeRepository(sandbox, root)
    for name in ("allowFilter", "allowAnySHA1InWant"):
        sandbox.git(root, "config", f"uploadpack.{name}", "true")
    repository.commit(
        plain={"plain.txt": b"plain\n", "large.bin": LARGE}, files={"data": b"tracked"}, tag="v1"
    )
    return repository


@pytest.fixture
def served(sandbox: Sandbox, http_server: HttpServer) -> Iterator[HandmadeRepository]:
    """A repository that the HTTP server has under the sandbox's name."""
    root = http_server.root / sandbox.root.name
    yield make_repository(sandbox, root)
    shutil.rmtree(root)


@pytest.fixture
def guarded(sandbox: Sandbox, http_server: HttpServer) -> Iterator[HandmadeRepository]:
    """The same, for whoever knows the password."""
    root = http_server.root / "private" / sandbox.root.name
    yield make_repository(sandbox, root)
    shutil.rmtree(root)


def check(mounts: MountFactory, url: str) -> None:
    mount = mounts(url)
    assert (mount.path / "plain.txt").read_bytes() == b"plain\n"
    assert (mount.path / "large.bin").stat().st_size == len(LARGE)
    assert (mount.path / "large.bin").read_bytes() == LARGE
    assert (mount.path / "data").read_bytes() == b"tracked"
    mount.switch("v1")
    assert sorted(os.listdir(mount.path)) == [".dvc", "data", "data.dvc", "large.bin", "plain.txt"]


def refused(sandbox: Sandbox, url: str, code: int) -> str:
    """What `vfs mount` says, at once and in the foreground of nobody, when it cannot clone."""
    point = sandbox.root / "refused"
    point.mkdir(exist_ok=True)
    done = vfs(sandbox, "mount", "--repo", url, point, check=False, timeout=QUICK)
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


@pytest.fixture
def ssh(sandbox: Sandbox, ssh_server: SshServer) -> SshServer:
    """The server, for a sandbox whose `ssh` uses the server's client configuration."""
    use_ssh(sandbox, ssh_server.config)
    return ssh_server


def use_ssh(sandbox: Sandbox, config: Path) -> None:
    """Stand in for ~/.ssh/config, which OpenSSH looks up by user id and not by HOME."""
    program = sandbox.root / "bin" / "ssh"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {config} "$@"\n')
    program.chmod(0o755)
    if str(program.parent) not in sandbox.environ["PATH"]:
        sandbox.environ["PATH"] = f"{program.parent}:{sandbox.environ['PATH']}"


class TestSsh:
    def test_over_ssh(self, mounts: MountFactory, sandbox: Sandbox, ssh: SshServer) -> None:
        repository = make_repository(sandbox, sandbox.root / "repository")
        check(mounts, ssh.url(repository.root))

    @pytest.mark.parametrize("how", ["GIT_SSH_COMMAND", "GIT_SSH", "core.sshCommand"])
    def test_the_users_own_command(self, sandbox: Sandbox, ssh_server: SshServer, how: str) -> None:
        repository = make_repository(sandbox, sandbox.root / "repository")
        use_ssh(sandbox, ssh_server.config)
        program = sandbox.root / "bin" / "ssh"
        log = sandbox.root / "used"
        program.write_text(program.read_text().replace("exec", f"echo x >> {log}; exec"))
        sandbox.environ["PATH"] = sandbox.environ["PATH"].partition(":")[2]
        if how == "core.sshCommand":
            sandbox.git(sandbox.root, "config", "--global", how, str(program))
        else:
            sandbox.environ[how] = str(program)
        vfs(sandbox, "ls", "--repo", ssh_server.url(repository.root))
        assert log.exists()

    def test_unknown_host(self, sandbox: Sandbox, ssh: SshServer) -> None:
        use_ssh(sandbox, ssh.stranger)
        said = refused(sandbox, ssh.url(sandbox.root / "repository"), 13)
        assert "Host key verification failed" in said
        assert f"127.0.0.1:{ssh.port}" in said
        assert "hint: " in said

    def test_password_wanted(self, sandbox: Sandbox, ssh: SshServer) -> None:
        use_ssh(sandbox, ssh.keyless)
        said = refused(sandbox, ssh.url(sandbox.root / "repository"), 13)
        assert "Permission denied" in said
        assert f"127.0.0.1:{ssh.port}" in said

    def test_no_such_repository(self, sandbox: Sandbox, ssh: SshServer) -> None:
        said = refused(sandbox, ssh.url(sandbox.root / "nowhere"), 11)
        assert f"{sandbox.root}/nowhere" in said

    def test_no_such_host(self, sandbox: Sandbox, ssh: SshServer) -> None:
        refused(sandbox, "ssh://nobody.invalid/repository", 12)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            refused(sandbox, f"ssh://127.0.0.1:{closed.getsockname()[1]}/repository", 12)


class TestHttp:
    def test_over_http(
        self, mounts: MountFactory, http_server: HttpServer, served: HandmadeRepository
    ) -> None:
        check(mounts, f"{http_server.http}/{served.root.name}")

    def test_tls_of_a_private_authority(
        self,
        mounts: MountFactory,
        sandbox: Sandbox,
        http_server: HttpServer,
        served: HandmadeRepository,
    ) -> None:
        url = f"{http_server.https}/{served.root.name}"
        mounts.allow("server certificate verification failed")
        said = refused(sandbox, url, 10)
        assert "certificate" in said
        assert "http.sslCAInfo" in said
        authority = str(http_server.authority)
        sandbox.git(sandbox.root, "config", "--global", "http.sslCAInfo", authority)
        check(mounts, url)

    def test_no_such_repository(self, sandbox: Sandbox, http_server: HttpServer) -> None:
        assert "/nowhere" in refused(sandbox, f"{http_server.http}/nowhere", 11)

    def test_password_wanted(self, sandbox: Sandbox, http_server: HttpServer) -> None:
        """Nobody is asked: not on a terminal, not by the programs that ask in windows."""
        asked = sandbox.root / "asked"
        askpass = sandbox.root / "askpass"
        askpass.write_text(f"#!/bin/sh\ntouch {asked}\nsleep 60\n")
        askpass.chmod(0o755)
        names = ("GIT_ASKPASS", "SSH_ASKPASS")
        sandbox.environ |= dict.fromkeys(names, str(askpass)) | {"DISPLAY": ":0"}
        said = refused(sandbox, f"{http_server.http}/private/x", 13)
        assert f"{http_server.http}/private/x" in said
        assert "credential helper" in said
        assert not asked.exists()

    def test_credential_helper(
        self,
        mounts: MountFactory,
        sandbox: Sandbox,
        http_server: HttpServer,
        guarded: HandmadeRepository,
    ) -> None:
        url = f"{http_server.http}/private/{guarded.root.name}"
        stored = sandbox.root / "home" / ".git-credentials"
        sandbox.git(sandbox.root, "config", "--global", "credential.helper", "store")
        stored.write_text(f"http://{USER}:wrong@{http_server.address}\n")
        mounts.allow("Authentication failed")
        assert "Authentication failed" in refused(sandbox, url, 13)
        stored.write_text(f"http://{USER}:{PASSWORD}@{http_server.address}\n")
        check(mounts, url)
        kept = [path for path in (sandbox.root / "cache").rglob("*") if path.is_file()]
        assert not [path for path in kept if PASSWORD.encode() in path.read_bytes()]

    def test_password_in_the_url(
        self, mounts: MountFactory, http_server: HttpServer, guarded: HandmadeRepository
    ) -> None:
        place = f"{http_server.address}/git/private/{guarded.root.name}"
        check(mounts, f"http://{USER}:{PASSWORD}@{place}")
        for process in (mounts.sandbox.root / "run").rglob("*.json"):
            assert PASSWORD not in process.read_text()
        assert PASSWORD not in read_logs(mounts.sandbox)

    def test_import_of_a_url(
        self,
        sandbox: Sandbox,
        mounts: MountFactory,
        http_server: HttpServer,
        served: HandmadeRepository,
    ) -> None:
        """An import pointer names the URL; its data lies on the remote of the source."""
        importer = HandmadeRepository(sandbox, sandbox.root / "importer")
        url = f"{http_server.http}/{served.root.name}"
        pointers = {
            f"{name}.dvc": f"deps:\n- path: {name}\n  repo:\n    url: {url}\n    rev_lock: {served.head}\n"
            f"outs:\n- path: {name}\n".encode()
            for name in ("data", "large.bin")
        }
        importer.commit(plain=pointers)
        mount = mounts(importer.root)
        assert (mount.path / "data").read_bytes() == b"tracked"
        assert (mount.path / "large.bin").read_bytes() == LARGE


def test_the_network_is_gone(
    mounts: MountFactory, sandbox: Sandbox, http_server: HttpServer, served: HandmadeRepository
) -> None:
    url = f"{http_server.http}/{served.root.name}"
    vfs(sandbox, "cat", "--repo", url, ":/large.bin")
    sandbox.environ["http_proxy"] = "http://127.0.0.1:9"
    mounts.allow(r"fetched before")
    mount = mounts.prepare(url)
    mount.path.mkdir()
    said = mount.cli("mount", "--repo", url, mount.path).stderr.decode()
    assert "fetched before" in said
    assert url in said
    assert (mount.path / "large.bin").read_bytes() == LARGE
    assert b"plain.txt" in vfs(sandbox, "ls", "--repo", url, "--rev", "v1").stdout


def test_large_files_of_git_come_in_one_conversation(
    mounts: MountFactory, sandbox: Sandbox
) -> None:
    """Git tells no size without the content; what it costs is the commit's large files, once."""
    repository = make_repository(sandbox, sandbox.root / "repository")
    files = {f"d{i % 20}/{i}": b"%d" % i + bytes(1 << 20) for i in range(60)}
    repository.commit(plain=files)
    sandbox.environ["GIT_TRACE2_EVENT"] = str(sandbox.root / "trace")
    mount = mounts(f"file://{repository.root}")
    for path, data in files.items():
        assert (mount.path / path).stat().st_size == len(data)
    assert (mount.path / "d7" / "47").read_bytes() == files["d7/47"]
    assert fetches(sandbox) == 1
    clone = next((sandbox.root / "cache" / "vfs" / "repositories").glob("*/HEAD")).parent
    large = sandbox.git(repository.root, "rev-parse", "v1:large.bin").decode()
    assert not Repository.open(clone).has_object(bytes.fromhex(large)), "of a commit not shown"


def test_doctor_knows_partial_clones(sandbox: Sandbox) -> None:
    repository = make_repository(sandbox, sandbox.root / "repository")
    clone, url = sandbox.root / "clone", f"file://{repository.root}"
    sandbox.git(sandbox.root, "clone", "-q", "--filter=blob:limit=1m", "-n", url, clone)
    doctor = [sys.executable, "-m", "vfs_cli", "doctor", "--offline"]
    mend = f"git -C {clone / '.git'} fetch --refetch --no-filter origin"
    told = sandbox.run(doctor, cwd=clone, check=False).stdout.decode()
    assert "partial clone: blobs that are not here are fetched" in told
    assert mend in told
    sandbox.run(mend.split())
    large = sandbox.git(repository.root, "rev-parse", "v1:large.bin").decode()
    assert Repository.open(clone).has_object(bytes.fromhex(large))


def fetches(sandbox: Sandbox) -> int:
    """How many `git fetch` ran so far."""
    events = [json.loads(line) for line in (sandbox.root / "trace").read_text().splitlines()]
    return sum(event["event"] == "start" and "fetch" in event["argv"] for event in events)


def test_large_files_come_when_the_server_is_back(mounts: MountFactory, sandbox: Sandbox) -> None:
    repository = make_repository(sandbox, sandbox.root / "repository")
    repository.commit(plain={"plain.txt": b"plain\n"})
    mount = mounts(f"file://{repository.root}")
    away = repository.root.rename(sandbox.root / "away")
    mounts.allow("could not be fetched", "is not in Git", "large.bin")
    mount.switch("v1")
    with pytest.raises(OSError, match="Input/output"):
        (mount.path / "large.bin").read_bytes()
    told = mount.cli("status", mount.path).stdout.decode()
    assert "large.bin: Git does not have the object" in told
    assert "not appear to be a git repository" in told
    away.rename(repository.root)
    mount.switch("v1")
    assert (mount.path / "large.bin").read_bytes() == LARGE


def test_lfs_files_have_no_content_and_say_so(mounts: MountFactory, sandbox: Sandbox) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "repository")
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:{:064x}\nsize 1000\n"
    files = {f"{i}.bin": text.format(i).encode() for i in range(150)}
    repository.commit_raw({".gitattributes": b"*.bin filter=lfs\n", "plain.txt": b"x", **files})
    url = f"file://{repository.root}"
    mounts.allow("Git LFS", "no place has sha256")
    mount = mounts.prepare(url)
    mount.path.mkdir()
    assert b"101 paths cannot be served" in mount.cli("mount", "--repo", url, mount.path).stderr
    assert (mount.path / "7.bin").stat().st_size == 1000
    with pytest.raises(OSError, match="Input/output"):
        (mount.path / "7.bin").read_bytes()
    assert (mount.path / "plain.txt").read_bytes() == b"x"
    told = mount.cli("status", "-v", mount.path).stdout.decode()
    assert "10.bin: its Git LFS object" in told
    assert "50 more Git LFS objects are missing" in told
    assert re.search(r"10.bin: .*no LFS server is configured \(clone .*git lfs pull", mount.log())
    done = mount.cli("cat", "--repo", url, ":/7.bin", check=False)
    assert done.returncode == 16
    assert b"lfs/objects/00/00/" in done.stderr
    assert b"git lfs pull" in done.stderr


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("-oProxyCommand=touch HERE", 3),
        ("--upload-pack=touch HERE", 3),
        ("ext::sh -c touch% HERE", 20),
        ("ssh://-oProxyCommand=touch HERE/x", 2),
        ("-oProxyCommand=touch HERE:x", 3),
        ("fd::17", 20),
    ],
)
def test_urls_that_would_run_something(sandbox: Sandbox, url: str, code: int) -> None:
    here = sandbox.root / "here"
    refused(sandbox, url.replace("HERE", str(here)), code)
    assert not here.exists()
