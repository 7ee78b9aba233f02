"""Real Git servers for tests: OpenSSH's sshd, and lighttpd with git-http-backend, plain and with TLS.

Rule: as for the S3 servers: loopback only, files in one directory, ended by the id of the process.
"""

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vfs.testing.ports import free_port
from vfs.testing.processes import serve, stop
from vfs.testing.s3_servers import ServerFailed

USER, PASSWORD = "ann", "s3cret"
_SSHD, _LIGHTTPD = Path("/usr/sbin/sshd"), Path("/usr/sbin/lighttpd")
_START = 60.0  # seconds, of a machine that is busy with other tests


@dataclass
class SshServer:
    """sshd for the user who runs the tests.

    Attributes:
        port: on 127.0.0.1.
        config: a client's configuration that knows the host's key and has a key that is let in.
        stranger: one that does not know the host.
        keyless: one that knows the host and has no key, so that the server asks for a password.
    """

    port: int
    config: Path
    stranger: Path
    keyless: Path
    process: "subprocess.Popen[bytes]"

    def url(self, repository: Path) -> str:
        """The URL of a repository of this machine."""
        return f"ssh://127.0.0.1:{self.port}{repository}"


@dataclass
class HttpServer:
    """lighttpd. What lies below `root` is served; below `root/private` to USER with PASSWORD only.

    Attributes:
        http: base URL without TLS.
        https: base URL with TLS, by a certificate that `authority` signed.
        address: host and port of `http`.
    """

    root: Path
    http: str
    https: str
    address: str
    authority: Path
    process: "subprocess.Popen[bytes]"


def start_sshd(directory: Path) -> SshServer:
    """Start sshd in the foreground with keys of its own.

    Raises:
        ServerFailed: it is not installed or did not come up.
    """
    require(_SSHD, "openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # as Debian's service does
    for name in ("host", "client"):
        _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)])
    port = free_port()
    host = (directory / "host.pub").read_text().split(" ")
    (directory / "known").write_text(f"[127.0.0.1]:{port} {host[0]} {host[1]}\n")
    (directory / "unknown").touch()
    (directory / "sshd_config").write_text(_SSHD_CONFIG.format(dir=directory, port=port))
    configs = {
        "config": _client(directory / "known", directory / "client"),
        "stranger": _client(directory / "unknown", directory / "client"),
        "keyless": _client(directory / "known", directory / "none"),
    }
    for name, text in configs.items():
        (directory / name).write_text(text)
    process = start_process(
        [_SSHD, "-D", "-e", "-f", directory / "sshd_config"], directory / "log", port
    )
    config, stranger, keyless = (directory / name for name in configs)
    return SshServer(port, config, stranger, keyless, process)


def start_http(directory: Path) -> HttpServer:
    """Start lighttpd in the foreground on two ports.

    Raises:
        ServerFailed: it is not installed or did not come up.
    """
    require(_LIGHTTPD, "lighttpd lighttpd-mod-openssl")
    root = directory / "root"
    (root / "private").mkdir(parents=True)
    (directory / "users").write_text(f"{USER}:{PASSWORD}\n")
    _make_certificates(directory)
    backend = Path(subprocess.check_output(["git", "--exec-path"], text=True).strip())
    plain, tls = free_port(), free_port()
    config = directory / "lighttpd.conf"
    config.write_text(_LIGHTTPD_CONFIG.format(dir=directory, plain=plain, tls=tls, backend=backend))
    process = start_process([_LIGHTTPD, "-D", "-f", config], directory / "log", plain)
    return HttpServer(
        root,
        f"http://127.0.0.1:{plain}/git",
        f"https://127.0.0.1:{tls}/git",
        f"127.0.0.1:{plain}",
        directory / "ca.crt",
        process,
    )


def _client(known: Path, key: Path) -> str:
    return _SSH_CONFIG.format(known=known, key=key)


def _make_certificates(directory: Path) -> None:
    """A private authority, and a certificate of it for 127.0.0.1."""
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    extension = directory / "extension"
    extension.write_text("subjectAltName=IP:127.0.0.1\n")
    for command in (
        f"req -x509 {key} -subj /CN=ca -keyout ca.key -out ca.crt",
        f"req {key} -subj /CN=127.0.0.1 -keyout tls.key -out tls.csr",
        "x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 "
        "-extfile extension -out tls.crt",
    ):
        _run(["openssl", *shlex.split(command)], cwd=directory)


def require(program: Path, packages: str) -> None:
    if not program.exists():
        raise ServerFailed(f"no {program}; `apt-get install --no-install-recommends {packages}`")


def _run(argv: Sequence[str], cwd: Path | None = None) -> None:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerFailed(f"{argv} ended with {done.returncode}:\n{done.stderr}")


def start_process(
    argv: Sequence[str | Path], log: Path, port: int, environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a server and return when its port answers."""
    environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", **(environment or {})}
    process = serve(argv, log, environ)
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.02)  # a server that is coming up has no event to wait for
        else:
            return process
    stop(process)
    raise ServerFailed(f"{argv[0]} did not come up:\n{log.read_text(errors='replace')}")


_SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {dir}/host
AuthorizedKeysFile {dir}/client.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication yes
PermitRootLogin yes
AcceptEnv GIT_PROTOCOL
Subsystem sftp internal-sftp
"""

_SSH_CONFIG = """\
Host *
    UserKnownHostsFile {known}
    GlobalKnownHostsFile /dev/null
    IdentityFile {key}
    IdentitiesOnly yes
    IdentityAgent none
"""

_LIGHTTPD_CONFIG = """\
server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_setenv", "mod_cgi", "mod_openssl")
server.document-root = "{dir}/root"
server.bind = "127.0.0.1"
server.port = {plain}
server.errorlog = "{dir}/log"
$SERVER["socket"] == "127.0.0.1:{tls}" {{
    ssl.engine = "enable"
    ssl.pemfile = "{dir}/tls.crt"
    ssl.privkey = "{dir}/tls.key"
}}
auth.backend = "plain"
auth.backend.plain.userfile = "{dir}/users"
auth.require = ("/git/private" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
alias.url = ("/git" => "{backend}/git-http-backend")
$HTTP["url"] =~ "^/git" {{
    cgi.assign = ("" => "")
    setenv.add-environment = ("GIT_PROJECT_ROOT" => "{dir}/root", "GIT_HTTP_EXPORT_ALL" => "1")
}}
"""
