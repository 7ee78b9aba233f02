"""A real HTTP server (nginx with Lua) whose answers begin late, and some of which never do.

Rule: as for the other servers: loopback only, files in one directory, ended by the id of the process.
"""

import os
from pathlib import Path

from vfs.testing.git_servers import require, start_process
from vfs.testing.ports import free_port
from vfs.testing.web_servers import StoreServer

_NGINX, _LUA = Path("/usr/sbin/nginx"), Path("/usr/lib/nginx/modules/ngx_http_lua_module.so")


def start_slow(
    directory: Path, *, delay: float, stalls: float = 0.0, seconds: float = 10.0
) -> StoreServer:
    """Objects lie in `root`; every answer begins after `delay` seconds, and a share of those to GETs after `seconds`.

    Raises:
        ServerFailed: it is not installed or did not come up.
    """
    require(_NGINX, "nginx")
    require(_LUA, "libnginx-mod-http-lua")
    root, port = directory / "root", free_port()
    root.mkdir()
    (directory / "tmp").mkdir()
    config = _CONFIG
    places = {"dir": directory, "port": port, "modules": _LUA.parent}
    places |= {"delay": delay, "stalls": stalls, "seconds": seconds}
    places["user"] = "user root;" if os.geteuid() == 0 else ""  # who alone may look into a sandbox
    for name, value in places.items():
        config = config.replace(f"@{name}@", str(value))
    file = directory / "server.conf"
    file.write_text(config)
    process = start_process([_NGINX, "-p", directory, "-c", file], directory / "log", port)
    return StoreServer(root, port, process)


_CONFIG = """\
@user@
load_module @modules@/ndk_http_module.so;
load_module @modules@/ngx_http_lua_module.so;
daemon off;
worker_processes 1;
pid @dir@/nginx.pid;
error_log @dir@/log;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path @dir@/tmp;
    keepalive_requests 1000000;
    types {}
    init_worker_by_lua_block { math.randomseed(7) }
    server {
        listen 127.0.0.1:@port@ backlog=4096;
        root @dir@/root;
        location / {
            access_by_lua_block {
                if ngx.req.get_method() == "GET" and math.random() < @stalls@ then
                    ngx.sleep(@seconds@)
                else
                    ngx.sleep(@delay@)
                end
            }
        }
    }
}
"""
