"""Real HTTP servers that store: Apache with WebDAV, and nginx that takes PUT.

Rule: as for the other servers: loopback only, files in one directory, ended by the id of the process.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from vfs.testing.git_servers import PASSWORD, USER, require, start_process
from vfs.testing.ports import free_port
from vfs.testing.processes import stop

_APACHE, _NGINX = Path("/usr/sbin/apache2"), Path("/usr/sbin/nginx")
_MODULES = Path("/usr/lib/apache2/modules")


@dataclass
class StoreServer:
    """A server whose objects lie in `root`; below `private` for USER with PASSWORD only."""

    root: Path
    port: int
    process: "subprocess.Popen[bytes]"

    def url(self, scheme: str, name: str = "") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{name}".rstrip("/")

    def new_directory(self, name: str) -> Path:
        """An empty directory for one test."""
        shutil.rmtree(self.root / name, ignore_errors=True)
        path = self.root / name
        path.mkdir(parents=True)
        for each in (path, *path.parents[: len(Path(name).parts)]):
            each.chmod(0o777)
        return path

    def stop(self) -> None:
        stop(self.process)


def start_webdav(directory: Path) -> StoreServer:
    """Apache with mod_dav_fs.

    Raises:
        ServerFailed: it is not installed or did not come up.
    """
    require(_APACHE, "apache2")
    user = "User www-data\nGroup www-data"
    return _start(directory, [_APACHE, "-D", "FOREGROUND", "-f"], _APACHE_CONFIG, user)


def start_put(directory: Path) -> StoreServer:
    """nginx that stores what is PUT.

    Raises:
        ServerFailed: it is not installed or did not come up.
    """
    require(_NGINX, "nginx")
    return _start(directory, [_NGINX, "-p", directory, "-c"], _NGINX_CONFIG, "user www-data;")


def _start(directory: Path, command: list[str | Path], config: str, user: str) -> StoreServer:
    root, port = directory / "root", free_port()
    for each in (root, root / "private", directory / "tmp"):
        each.mkdir()
        each.chmod(0o777)  # started by root, these servers work for somebody else
    hashed = subprocess.check_output(["openssl", "passwd", "-1", PASSWORD], text=True).strip()
    (directory / "hashed").write_text(f"{USER}:{hashed}\n")
    file = directory / "server.conf"
    places = {"dir": directory, "port": port, "modules": _MODULES}
    places["user"] = user if os.geteuid() == 0 else ""
    for name, value in places.items():
        config = config.replace(f"@{name}@", str(value))
    file.write_text(config)
    process = start_process([*command, file], directory / "log", port)
    return StoreServer(root, port, process)


_APACHE_CONFIG = """\
ServerRoot @dir@
ServerName 127.0.0.1
Listen 127.0.0.1:@port@
PidFile @dir@/apache.pid
ErrorLog @dir@/log
LoadModule mpm_event_module @modules@/mod_mpm_event.so
LoadModule authn_core_module @modules@/mod_authn_core.so
LoadModule authn_file_module @modules@/mod_authn_file.so
LoadModule authz_core_module @modules@/mod_authz_core.so
LoadModule authz_user_module @modules@/mod_authz_user.so
LoadModule auth_basic_module @modules@/mod_auth_basic.so
LoadModule dir_module @modules@/mod_dir.so
LoadModule dav_module @modules@/mod_dav.so
LoadModule dav_fs_module @modules@/mod_dav_fs.so
@user@
DocumentRoot @dir@/root
DavLockDB @dir@/tmp/locks
KeepAliveTimeout 60
MaxKeepAliveRequests 0
<Directory @dir@/root>
    Dav On
    # Else the ETag of a file is weak for a second.
    FileETag Digest
    Require all granted
</Directory>
<Location /private>
    AuthType Basic
    AuthName store
    AuthUserFile @dir@/hashed
    Require valid-user
</Location>
"""

_NGINX_CONFIG = """\
@user@
daemon off;
worker_processes 1;
pid @dir@/nginx.pid;
error_log @dir@/log;
events {}
http {
    access_log off;
    client_max_body_size 0;
    client_body_temp_path @dir@/tmp;
    types {}
    server {
        listen 127.0.0.1:@port@;
        root @dir@/root;
        dav_methods PUT;
        create_full_put_path on;
        location /private/ {
            auth_basic store;
            auth_basic_user_file @dir@/hashed;
        }
        location /moved/ { rewrite ^/moved/(.*)$ /$1 redirect; }
    }
}
"""
