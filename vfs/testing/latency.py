"""A real server that answers late: nginx, which waits before each request, in front of files or of another server.

Rule: the wait is a timer of nginx (Lua), so any number of requests wait at once and cost nobody's processor.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from vfs.testing.git_servers import require, start_process
from vfs.testing.ports import free_port
from vfs.testing.processes import stop

_NGINX = Path("/usr/sbin/nginx")
_MODULES = Path("/usr/lib/nginx/modules")


@dataclass
class LateServer:
    """Answers at `url` after a delay; `requests` counts what it answered."""

    port: int
    log: Path
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        """As that of `FaultyProxy`."""
        return self.url

    @property
    def requests(self) -> list[str]:
        """Method and path of each, in the order of the answers."""
        return self.log.read_text().splitlines()

    def stop(self) -> None:
        stop(self.process)


def start_late(
    directory: Path, delay: float, *, root: Path | None = None, upstream: int = 0
) -> LateServer:
    """Serve the files below `root`, or what the server at port `upstream` answers, so many seconds late.

    Raises:
        ServerFailed: nginx or its Lua module is not installed, or it did not come up.
    """
    require(_NGINX, "nginx")
    require(_MODULES / "ngx_http_lua_module.so", "libnginx-mod-http-lua")
    port = free_port()
    what = f"root {root};" if root is not None else _PROXY
    config = _CONFIG.replace("@what@", what)
    places = {"dir": directory, "port": port, "modules": _MODULES, "delay": delay}
    for name, value in (places | {"upstream": upstream or 9}).items():
        config = config.replace(f"@{name}@", str(value))
    (directory / "tmp").mkdir()
    file, answered = directory / "late.conf", directory / "answered"
    file.write_text(config)
    process = start_process([_NGINX, "-p", directory, "-c", file], directory / "log", port)
    return LateServer(port, answered, process)


_PROXY = (
    'proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; '
    "proxy_set_header Host $http_host; proxy_request_buffering off; proxy_max_temp_file_size 0;"
)

_CONFIG = """\
load_module @modules@/ndk_http_module.so;
load_module @modules@/ngx_http_lua_module.so;
user root;
daemon off;
worker_processes 1;
pid @dir@/nginx.pid;
error_log @dir@/log;
events { worker_connections 1024; }
http {
    log_format plain '$request_method $uri';
    access_log @dir@/answered plain;
    client_max_body_size 0;
    client_body_temp_path @dir@/tmp;
    keepalive_requests 1000000;
    types {}
    upstream behind { server 127.0.0.1:@upstream@; keepalive 64; }
    server {
        listen 127.0.0.1:@port@;
        location / {
            access_by_lua_block { ngx.sleep(@delay@) }
            @what@
        }
    }
}
"""
